"""Where the world stands with one change: as before it, as after it, or as neither of the two."""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

from keepwell.conform.hands import get_api, get_exact
from keepwell.core.entry import is_as_wished, is_torn, without_time
from keepwell.core.errors import NotThere
from keepwell.core.step import (
    Action,
    CallApi,
    Change,
    EndProcess,
    Put,
    RemoveFile,
    Rename,
    RunCommand,
    SetMode,
    SetOwner,
    SetRunning,
    StartProcess,
    WriteFile,
)
from keepwell.formats.procfs import parse_process_stat
from keepwell.transport.base import CallsApi, ExactHands, Transport

#: "unknown" for a command, of which nobody can tell from outside whether it ran; "torn" for a file that was being
#: written in its place when all ended.
Standing: TypeAlias = Literal["before", "after", "other", "unknown", "torn"]

#: Bytes of a file that a plan rewrites; far above any settings file.
WORLD_BYTES = 16 * 1024 * 1024
#: States of a process in /proc that is stopped by a signal or a debugger, and of one that has ended (proc(5)).
STOPPED, GONE = ("T", "t"), ("Z", "X", "x")
#: What can be done twice, and does not show from outside whether it was done.
_UNTOLD = RunCommand | StartProcess | EndProcess
_RUNNING = {True: "running", False: "stopped"}


async def find_standing(change: Change, transport: Transport) -> Standing:
    """Compare what is there with what the change found and with what it makes.

    "other" also when there is nothing to compare with any more; other AccessErrors pass through.
    """
    if isinstance(change.do, _UNTOLD) or change.undo is None:
        return "unknown"
    if isinstance(change.do, Put):
        return await _find_standing_of(change.do, get_exact(transport))
    if isinstance(change.do, CallApi):
        return await _find_set(change.do, get_api(transport))
    if isinstance(change.do, Rename):
        return await _find_renamed(change.do, get_exact(transport))
    try:
        actual = await read_state(change.do, transport)
    except NotThere:
        return "other"
    if actual == wished_state(change.do):
        return "after"
    if actual == old_state(change):
        return "before"
    return "other"


async def _find_standing_of(action: Put, hands: ExactHands) -> Standing:
    """By what lies at the path; when it was last changed does not count."""
    found = await hands.entry(action.path)
    if is_as_wished(found, without_time(action.before)):
        return "before"
    if is_as_wished(found, without_time(action.after)):
        return "after"
    if is_torn(found, action.before, action.after) or is_torn(found, action.after, action.before):
        return "torn"
    return "other"


async def _find_set(action: CallApi, hands: CallsApi) -> Standing:
    """By the settings that it is about; an order does not show."""
    if not action.after:
        return "unknown"
    settings = await hands.settings(action.path)
    found = tuple((name, settings.get(name, "")) for name, _ in action.after)
    states: tuple[tuple[object, Standing], ...] = ((action.before, "before"), (action.after, "after"))
    return next((word for wished, word in states if found == wished), "other")


async def _find_renamed(action: Rename, hands: ExactHands) -> Standing:
    there = [(await hands.entry(path, max_bytes=0)).kind != "absent" for path in (action.path, action.target)]
    return _RENAMED.get((there[0], there[1]), "other")


_RENAMED: dict[tuple[bool, bool], Standing] = {(True, False): "before", (False, True): "after"}


async def read_state(action: Action, transport: Transport) -> str:
    """What the action is about, as text: a mode, an owner, whether a process runs, or a file's digest ("" for none)."""
    if isinstance(action, SetMode):
        return f"{(await transport.stat(action.path, follow=False)).mode:04o}"
    if isinstance(action, SetOwner):
        stat = await transport.stat(action.path, follow=False)
        return f"{stat.uid}:{stat.gid}"
    if isinstance(action, SetRunning):
        return await _read_running(action, transport)
    if isinstance(action, Put | Rename | CallApi | _UNTOLD):
        return ""
    try:
        return hashlib.sha256(await transport.read(action.path, max_bytes=WORLD_BYTES)).hexdigest()
    except NotThere:
        return ""


async def _read_running(action: SetRunning, transport: Transport) -> str:
    """Whether the process runs or is stopped; NotThere when it has ended, or the pid is another's by now."""
    path = f"/proc/{action.pid}/stat"
    stat = parse_process_stat((await transport.read(path)).decode("utf-8", "replace"))
    if stat.started_ticks != action.started_ticks or stat.state in GONE:
        raise NotThere("the process has ended", where=path)
    return _RUNNING[stat.state not in STOPPED]


def wished_state(action: Action) -> str:
    """What `read_state` says once the action is done."""
    if isinstance(action, SetMode):
        return f"{action.mode:04o}"
    if isinstance(action, SetOwner):
        return f"{action.uid}:{action.gid}"
    if isinstance(action, WriteFile):
        return hashlib.sha256(action.content).hexdigest()
    if isinstance(action, SetRunning):
        return _RUNNING[action.running]
    return ""


def old_state(change: Change) -> str:
    """What `read_state` said when the change was planned: what its undo restores, or what its action expects."""
    if isinstance(change.do, WriteFile | RemoveFile):
        return change.do.expect_sha256
    if isinstance(change.undo, SetMode | SetOwner | SetRunning):
        return wished_state(change.undo)
    return ""
