"""How an engine is ended and started again by what runs it: a unit, a job, a container, or nobody. Pure.

Ending and starting are two changes, each the other's undo, so that what happens between them is undone in between too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.secret import MASK
from keepwell.core.step import MARK_VARIABLE, Action, Change, EndProcess, RunCommand, StartProcess
from keepwell.core.values import find_number, row_of, text_of, texts_of
from keepwell.plugins.facts import engine_title

#: Seconds for a unit, a job or a container to end or start: systemd itself gives up after 90.
COMMAND_SECONDS = 120.0
#: What `launchctl` says of a job that is not loaded (ESRCH, and its own number), and of one that is (EIO, EALREADY).
NOT_LOADED, LOADED = (3, 113), (5, 37)
#: Marks that are handed on from one start to the next.
MARKS = 16
NO_SECRET = "a secret stands in its start command, which keepwell never keeps"
NO_START = "its start command is not known: write it as `start` of its [[engine]] in keepwell.toml"
STOPS = "the engine serves nothing until it is started again, and what was in memory is loaded again then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How one engine is run.

    `begin` and `end` are the commands of what supervises it, () for a plain process, which has `start`. `pid` is 0 and
    `started_at` (seconds since the epoch) 0 where nothing runs. `problem` says why keepwell cannot start it, "" if it
    can.
    """

    ref: Ref
    title: str
    kind: str
    unit: str = ""
    begin: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    start: StartProcess | None = None
    pid: int = 0
    started_at: float = 0.0
    problem: str = ""

    @property
    def name(self) -> str:
        """The unit, job or container, or the process."""
        return self.unit or f"process {self.pid}" * bool(self.pid) or "its process"


def find_running(seen: Seen, ref: Ref, ids: tuple[int, int] = (-1, -1)) -> Running:
    """How this engine is run, as a survey saw it; `ids` are user and group that it is started as where none runs."""
    supervisor = row_of(seen.value(ref, "engine.supervisor"))
    process = row_of(seen.value(ref, "engine.process"))
    kind, unit = text_of(supervisor, "kind"), text_of(supervisor, "unit")
    made = Running(
        ref=ref,
        title=engine_title(seen, ref),
        kind=kind,
        unit=unit,
        pid=int(find_number(process.get("pid")) or 0),
        started_at=find_number(process.get("started_at")) or 0.0,
    )
    begin = texts_of(supervisor.get("start"))
    if kind == "systemd":
        return replace(made, begin=begin, end=_instead("start", "stop", begin))
    if kind == "container":
        return replace(made, begin=begin, end=_instead("start", "stop", begin))
    if kind == "launchd":
        return _by_job(made, text_of(supervisor, "scope"), texts_of(supervisor.get("files")))
    if any(MASK in word for word in begin):
        return replace(made, problem=NO_SECRET)
    if not begin:
        return replace(made, problem=NO_START)
    return replace(made, start=_find_start(seen, ref, begin, ids))


def end_change(one: Running, mark: str) -> Change:
    """End it; its undo starts it again as it was. `mark` tells what its undo starts from other processes."""
    undo = _begin(one, mark)
    return Change(
        subject=one.ref,
        what=f"stop {one.name}",
        before="running",
        after="stopped",
        do=_end(one, ""),
        undo=undo,
        irreversible=one.problem * (undo is None),
        interrupts=STOPS,
    )


def begin_change(one: Running, mark: str) -> Change:
    """Start it; its undo ends it again. ValueError for one that keepwell cannot start (`problem`)."""
    do = _begin(one, mark)
    if do is None:
        raise ValueError(one.problem)
    return Change(
        subject=one.ref, what=f"start {one.name}", before="stopped", after="running", do=do, undo=_end(one, mark)
    )


def reload_change(one: Running) -> Change:
    """Let systemd read its unit files again, both ways; it stands before and after what changes them."""
    argv = (*one.begin[: one.begin.index("start")], "daemon-reload")
    command = RunCommand(argv=argv, timeout_seconds=COMMAND_SECONDS)
    return Change(
        subject=one.ref, what="read unit files", before="as they were", after="as they are", do=command, undo=command
    )


def without_values(start: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    """A start command without these variables among its first words (`env NAME=value program`)."""
    gone = frozenset(names)
    place = end_of_values(start)
    kept = [word for word in start[1:place] if word.partition("=")[0] not in gone]
    return (*(("env", *kept) * bool(kept)), *start[place:])


def end_of_values(start: Sequence[str]) -> int:
    """Where the program stands in a start command: after `env` and its variables, if it begins so."""
    if not start or start[0] != "env":
        return 0
    return next((place for place, word in enumerate(start) if place and "=" not in word), len(start))


def _instead(old: str, new: str, argv: Sequence[str]) -> tuple[str, ...]:
    """`systemctl --user start x` with another verb; the first word that is it counts, names come after verbs."""
    place = argv.index(old)
    return (*argv[:place], new, *argv[place + 1 :])


def _by_job(made: Running, scope: str, files: Iterable[str]) -> Running:
    path = next((one for one in files if one.endswith(".plist")), "")
    if not path or not scope:
        return replace(made, problem=f"the property list of {made.unit} was not found")
    end = ("launchctl", "bootout", f"{scope}/{made.unit}")
    return replace(made, begin=("launchctl", "bootstrap", scope, path), end=end)


def _find_start(seen: Seen, ref: Ref, start: Sequence[str], ids: tuple[int, int]) -> StartProcess:
    """The start as it was, but for what stands in its environment file: that is read again at every start."""
    process = row_of(seen.value(ref, "engine.process"))
    files = texts_of(row_of(seen.value(ref, "engine.supervisor")).get("files"))
    wishes = row_of(seen.value(ref, "engine.wished_settings"))
    from_files = {name for name, told in wishes.items() if text_of(row_of(told), "file") in files}
    log = row_of(seen.value(ref, "engine.log"))
    uid, gid = (find_number(process.get(name)) for name in ("uid", "gid"))
    own = {True: (int(uid or 0), int(gid or 0)), False: ids}[uid is not None]
    return StartProcess(
        argv=without_values(start, from_files),
        environment_files=files,
        output=text_of(log, "where") * (text_of(log, "kind") == "file"),
        cwd=text_of(process, "cwd"),
        uid=own[0],
        gid=own[1],
        mark=_find_marks(process),
    )


def _find_marks(process: Mapping[str, Value]) -> str:
    """The newest marks that a process bears."""
    return " ".join(text_of(row_of(process.get("environment")), MARK_VARIABLE).split()[-MARKS:])


def _begin(one: Running, mark: str) -> Action | None:
    if one.start is not None:
        return replace(one.start, mark=f"{one.start.mark} {mark}".strip())
    if not one.begin or one.problem:
        return None
    settled = LOADED * (one.kind == "launchd")
    return RunCommand(argv=one.begin, timeout_seconds=COMMAND_SECONDS, settled=settled)


def _end(one: Running, mark: str) -> Action:
    if one.end:
        settled = NOT_LOADED * (one.kind == "launchd")
        return RunCommand(argv=one.end, timeout_seconds=COMMAND_SECONDS, settled=settled)
    if mark:
        return EndProcess(mark=mark)
    return EndProcess(pid=one.pid, started_at=one.started_at)
