"""The processes behind engines: which ones look like a server, which are children of one, and all that is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value
from keepwell.core.values import find_number, text_of, texts_of
from keepwell.formats.number import find_whole
from keepwell.formats.procfs import parse_arguments, parse_environment, parse_status
from keepwell.plugins.engine import Engine, RunsChildren
from keepwell.plugins.place import ServingProcess
from keepwell.plugins.recognise import engine_of_command
from keepwell.transport.base import Transport

#: States of a process that can answer nothing: stopped, traced, a zombie, dead.
HANGING = frozenset({"T", "t", "Z", "X"})
#: Bytes of an environment that are read.
ENVIRONMENT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The processes of a node by pid, those that look like an engine's server, and children that run a model.

    `servers` gives the plug-in's name; a server's children and its wrappers are not among them.
    """

    rows: Mapping[int, Mapping[str, Value]]
    servers: Mapping[int, str]
    children: frozenset[int]

    def ancestors(self, pid: int) -> tuple[int, ...]:
        """The process itself and those above it, nearest first."""
        found: list[int] = []
        while pid in self.rows and pid not in found:
            found.append(pid)
            pid = int(find_number(self.rows[pid].get("parent_pid")) or 0)
        return tuple(found)

    def state(self, pid: int) -> str:
        """The letter of its state, "" for a process that is not seen."""
        return text_of(self.rows.get(pid, {}), "state")


def sort_family(
    rows: Iterable[Mapping[str, Value]], engines: Mapping[str, Engine], listening: frozenset[int]
) -> Family:
    """Tell servers from their children and from wrappers. `listening` are pids that hold a listening socket."""
    by_pid = {int(find_number(row.get("pid")) or 0): row for row in rows}
    looks = {pid: engine_of_command(texts_of(row.get("argv")), engines) for pid, row in by_pid.items()}
    looks = {pid: name for pid, name in looks.items() if name and text_of(by_pid[pid], "state") not in ("Z", "X")}
    family = Family(rows=by_pid, servers=looks, children=frozenset())
    children: set[int] = set()
    wrappers: set[int] = set()
    for pid in by_pid:
        for above in family.ancestors(pid)[1:]:
            if above in looks and _runs_model(by_pid[pid], engines[looks[above]]):
                children.add(pid)
            elif above in looks and looks.get(pid) == looks[above]:
                _sort_pair(pid, above, listening, children, wrappers)
    servers = {pid: name for pid, name in looks.items() if pid not in children | wrappers}
    return Family(rows=by_pid, servers=servers, children=frozenset(children))


def _runs_model(row: Mapping[str, Value], engine: Engine) -> bool:
    return isinstance(engine, RunsChildren) and not isinstance(engine.child_model(texts_of(row.get("argv"))), Missing)


def _sort_pair(below: int, above: int, listening: frozenset[int], children: set[int], wrappers: set[int]) -> None:
    """Of two processes that look like the same server, one above the other: a wrapper (a shell, a launcher) does
    not listen while what it started does; otherwise the lower one is a child.
    """
    if below in listening and above not in listening:
        wrappers.add(above)
    else:
        children.add(below)


async def read_serving(transport: Transport, row: Mapping[str, Value]) -> ServingProcess:
    """Everything about a process, secrets unmasked; what this user may not see stays empty."""
    pid = int(find_number(row.get("pid")) or 0)
    folder = f"/proc/{pid}"
    argv = parse_arguments(await _bytes(transport, f"{folder}/cmdline"))
    status = parse_status((await _bytes(transport, f"{folder}/status")).decode("utf-8", "replace"))
    group = status.get("Gid", "").split()
    return ServingProcess(
        pid=pid,
        argv=argv or texts_of(row.get("argv")),
        environment=parse_environment(await _bytes(transport, f"{folder}/environ")),
        user=text_of(row, "user"),
        uid=int(find_number(row.get("uid")) or 0),
        gid=find_whole((group or ["0"])[0]) or 0,
        exe=text_of(row, "exe"),
        cwd=text_of(row, "cwd"),
        state=text_of(row, "state"),
        started_at=find_number(row.get("started_at")) or 0.0,
        parent_pid=int(find_number(row.get("parent_pid")) or 0),
    )


async def _bytes(transport: Transport, path: str) -> bytes:
    try:
        return await transport.read(path, max_bytes=ENVIRONMENT_BYTES)
    except AccessError:
        return b""


def same_server(one: Sequence[str], other: Sequence[str]) -> bool:
    """True if two start commands run the same server, whatever address each gives it.

    A path below some folder and the same path from there count as equal. Variables count only where both
    commands set any: a person writes down `server -m model`, a process has its whole environment.
    """
    first, second = without_address(one), without_address(other)
    words = [[item for item in start if not _assigns(item)] for start in (first, second)]
    if not words[0] or len(words[0]) != len(words[1]) or not all(map(_alike, *words)):
        return False
    variables = [{item for item in start if _assigns(item)} for start in (first, second)]
    return not all(variables) or variables[0] == variables[1]


def _assigns(item: str) -> bool:
    name, equals, _ = item.partition("=")
    return bool(equals) and name.isidentifier()


def _alike(one: str, other: str) -> bool:
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")


def without_address(start: Sequence[str]) -> tuple[str, ...]:
    """A start command without `env`, and without the flags and variables that name a host or a port."""
    kept: list[str] = []
    skip = False
    for item in start:
        name, equals, _ = item.partition("=")
        addressed = name.startswith("--") and name.strip("-") in _ADDRESS_FLAGS
        addressed = addressed or (bool(equals) and name.isupper() and name.rpartition("_")[2] in _ADDRESS_WORDS)
        if not skip and not addressed and item != "env":
            kept.append(item)
        skip = addressed and not equals
    return tuple(kept)


_ADDRESS_FLAGS = frozenset({"host", "port"})
_ADDRESS_WORDS = frozenset({"HOST", "PORT"})
