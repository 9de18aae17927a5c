"""The processes that matter, by the engine or container that they belong to: memory, swap, time, threads, files.

What memory is shared among processes is not told apart (PSS): to add that up the kernel walks all of a process's
pages, which takes seconds for one that has a large model mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, absent, failed, unknown
from keepwell.core.series import Reading, SeriesKey
from keepwell.formats.process_load import (
    ProcessLoad,
    find_files_limit,
    find_swap_bytes,
    is_model_file,
    parse_mapped_models,
    parse_process_load,
    parse_resident_pages,
)
from keepwell.formats.procfs import TICKS_PER_SECOND
from keepwell.plugins.collecting import FileCollector
from keepwell.plugins.collector import Collector, Moment, Sight
from keepwell.plugins.process_groups import Group, ProcessGroups

#: Looks between two listings of /proc, between two of swap, and between two of open files.
LIST_LOOKS = 5
SWAP_LOOKS = 10
FILE_LOOKS = 30
#: Looks at which something is tried again that was not there.
TRIES = 5
#: Bytes of a page; machines with others (some ARM) tell other memory than they have.
PAGE_BYTES = 4096
#: Bytes of a list of mappings that are read: a large Python program has 500 KB.
MAP_BYTES = 2 * 1024 * 1024
#: Descriptors of one process that are looked at; beyond are connections.
DESCRIPTORS = 512

NAMES = (
    "process.alive",
    "process.swap_bytes",
    "process.threads",
    "process.cpu_seconds_total",
    "process.major_faults_total",
    "process.uptime_seconds",
    "process.restarts_total",
    "process.model_files",
    "process.model_mapped_bytes",
    "process.open_files",
    "process.open_files_limit",
)
MEMORY = "process.memory_bytes"
_GONE = absent("the process that was found is gone, and none has taken its place yet")
_NOT_YET = unknown("not looked at yet")


T = TypeVar("T")
_Told: TypeAlias = dict[str, float | Missing]


@dataclass(slots=True)
class _Sum:
    """One group's keys, what its processes had at the last look, and what they have used up altogether."""

    keys: dict[str, SeriesKey]
    anonymous: SeriesKey
    file: SeriesKey
    loads: dict[int, ProcessLoad] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    major_faults: int = 0
    pages: list[tuple[int, int]] = field(default_factory=list)
    slow: dict[str, float | Missing] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)


class Processes:
    """One look costs about 20 us a process, a listing of 500 processes 300 us."""

    def __init__(self, node: str) -> None:
        self._groups = ProcessGroups()
        self._sums: dict[str, _Sum] = {}
        self._looks = 0

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it, for each engine and container; nothing where nothing is watched."""
        if not sight.watched and not self._sums:
            return ()
        try:
            if self._looks % LIST_LOOKS == 0 or not self._groups.follows(sight.watched):
                self._groups.refresh(sight)
            uptime = float(sight.read("/proc/uptime").split()[0])
        except AccessError as error:
            reason = failed(error)
            return [(key, reason) for one in self._sums.values() for key in one.keys.values()]
        self._sums = {name: self._sums.get(name) or _make_sum(name) for name in self._groups.groups}
        found: list[Reading] = []
        for name, group in self._groups.groups.items():
            found += self._tell(group, self._sums[name], sight, uptime)
        self._looks += 1
        return found

    def close(self) -> None:
        """Nothing is held."""

    def _tell(self, group: Group, all_of: _Sum, sight: Sight, uptime: float) -> Iterator[Reading]:
        loads = self._read_loads(group, sight)
        _add_up(all_of, loads)
        keys = all_of.keys
        yield keys["process.restarts_total"], group.restarts
        yield keys["process.cpu_seconds_total"], round(all_of.cpu_seconds, 2)
        yield keys["process.major_faults_total"], all_of.major_faults
        yield keys["process.alive"], len(loads)
        if not loads:
            all_of.slow.clear()
            all_of.tries.clear()
            others = (name for name in NAMES if name not in _ALWAYS)
            yield from ((keys[name], _GONE) for name in others)
            yield from ((key, _GONE) for key in (all_of.anonymous, all_of.file))
            return
        yield all_of.anonymous, sum(own for own, _ in all_of.pages) * PAGE_BYTES
        yield all_of.file, sum(shared for _, shared in all_of.pages) * PAGE_BYTES
        yield keys["process.threads"], sum(one.threads for one in loads.values())
        oldest = min(one.started for one in loads.values()) / TICKS_PER_SECOND
        yield keys["process.uptime_seconds"], round(max(0.0, uptime - oldest), 2)
        for looks, names, ask in _SELDOM:
            if self._looks % looks == 0:
                all_of.tries[looks] = TRIES
            if all_of.tries.setdefault(looks, TRIES):
                _ask_seldom(all_of, looks, names, partial(ask, loads, sight))
        for name in _SLOW:
            yield keys[name], all_of.slow.get(name, _NOT_YET)

    def _read_loads(self, group: Group, sight: Sight) -> dict[int, ProcessLoad]:
        """What each process of the group has used; one whose number another process has now is let go."""
        all_of = self._sums[group.subject]
        before, all_of.pages = all_of.loads, []
        found: dict[int, ProcessLoad] = {}
        for pid in group.members:
            try:
                load = parse_process_load(sight.read(f"/proc/{pid}/stat"))
                pages = parse_resident_pages(sight.read(f"/proc/{pid}/statm"))
            except (AccessError, ValueError):
                continue
            if pid in before and before[pid].started != load.started:
                self._groups.forget(pid)
            elif load.state not in "ZX":
                found[pid] = load
                all_of.pages.append(pages)
        return found


_SLOW = (
    "process.swap_bytes",
    "process.model_files",
    "process.model_mapped_bytes",
    "process.open_files",
    "process.open_files_limit",
)
_ALWAYS = frozenset(
    {"process.restarts_total", "process.cpu_seconds_total", "process.major_faults_total", "process.alive"}
)


def _make_sum(subject: str) -> _Sum:
    kinds = [SeriesKey(MEMORY, subject, (("kind", kind),)) for kind in ("anonymous", "file")]
    return _Sum({name: SeriesKey(name, subject) for name in NAMES}, kinds[0], kinds[1])


def _add_up(all_of: _Sum, loads: dict[int, ProcessLoad]) -> None:
    """Only what a process used since its last look counts, so that one which ends takes nothing away."""
    for pid, load in loads.items():
        before = all_of.loads.get(pid)
        if before is not None:
            all_of.cpu_seconds += max(0.0, load.cpu_seconds - before.cpu_seconds)
            all_of.major_faults += max(0, load.major_faults - before.major_faults)
    all_of.loads = loads


def _ask_seldom(
    all_of: _Sum, looks: int, names: tuple[str, ...], ask: Callable[[], dict[str, float | Missing]]
) -> None:
    """What is looked at seldom; a file that is not there may be fetched by the next look, or its process has ended."""
    reason: AccessError
    try:
        all_of.slow |= ask()
        all_of.tries[looks] = 0
        return
    except NotThere as error:
        all_of.tries[looks] -= 1
        reason = error
    except AccessError as error:
        all_of.tries[looks] = 0
        reason = error
    if not all_of.tries[looks]:
        all_of.slow |= dict.fromkeys(names, failed(reason))


def _swap(loads: dict[int, ProcessLoad], sight: Sight) -> _Told:
    """What lies in swap. Raises AccessError."""
    found = _for_all(loads, partial(_swapped, sight))
    return {"process.swap_bytes": sum(found.values())}


def _files(loads: dict[int, ProcessLoad], sight: Sight) -> _Told:
    """Files of models, open and mapped, and descriptors. Raises AccessError, as for another user's processes."""
    opened = _for_all(loads, partial(_open_files, sight))
    mapped = _for_all(loads, partial(_mapped, sight))
    models: dict[str, int] = {path: 0 for _, paths in opened.values() for path in paths}
    for sizes in mapped.values():
        for path, size in sizes.items():
            models[path] = max(size, models.get(path, 0))
    most, busiest = max((count, pid) for pid, (count, _) in opened.items())
    limit = find_files_limit(sight.read(f"/proc/{busiest}/limits"))
    found: _Told = {
        "process.model_files": len(models),
        "process.model_mapped_bytes": sum(models.values()),
        "process.open_files": most,
        "process.open_files_limit": absent("there is no limit"),
    }
    if limit is not None:
        found["process.open_files_limit"] = limit
    return found


def _for_all(pids: Iterable[int], ask: Callable[[int], T]) -> dict[int, T]:
    """What is told of each process. All are asked before an AccessError is raised: what is not there yet is fetched
    for all of them at once.
    """
    found: dict[int, T] = {}
    problem: AccessError | None = None
    for pid in pids:
        try:
            found[pid] = ask(pid)
        except AccessError as error:
            problem = error
    if problem is not None:
        raise problem
    return found


def _swapped(sight: Sight, pid: int) -> int:
    return find_swap_bytes(sight.read(f"/proc/{pid}/status")) or 0


def _mapped(sight: Sight, pid: int) -> dict[str, int]:
    return parse_mapped_models(sight.read(f"/proc/{pid}/maps", max_bytes=MAP_BYTES))


def _open_files(sight: Sight, pid: int) -> tuple[int, list[str]]:
    """How many descriptors a process has, and which of them are models."""
    names = sight.names(f"/proc/{pid}/fd")
    return len(names), list(_links(pid, names, sight))


def _links(pid: int, names: tuple[str, ...], sight: Sight) -> Iterator[str]:
    for name in names[:DESCRIPTORS]:
        try:
            path = sight.link(f"/proc/{pid}/fd/{name}")
        except AccessError:
            continue
        if is_model_file(path):
            yield path


#: What is looked at seldom: at every which look, what it gives, and how it is asked.
_SELDOM = ((SWAP_LOOKS, _SLOW[:1], _swap), (FILE_LOOKS, _SLOW[1:], _files))

COLLECTOR: Collector = FileCollector(every_seconds=1.0, gives=(*NAMES, MEMORY), begin=Processes)
