"""Where the world stands with one change: as before it, as after it, or as neither of the two."""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

from keepwell.core.errors import NotThere
from keepwell.core.step import Action, Change, RemoveFile, RunCommand, SetMode, SetOwner, SetRunning, WriteFile
from keepwell.formats.procfs import parse_process_stat
from keepwell.transport.base import Transport

#: "unknown" for a command, of which nobody can tell from outside whether it ran.
Standing: TypeAlias = Literal["before", "after", "other", "unknown"]

#: Bytes of a file that a plan rewrites; far above any settings file.
WORLD_BYTES = 16 * 1024 * 1024
#: States of a process in /proc that is stopped by a signal or a debugger, and of one that has ended (proc(5)).
STOPPED, GONE = ("T", "t"), ("Z", "X", "x")
_RUNNING = {True: "running", False: "stopped"}


async def find_standing(change: Change, transport: Transport) -> Standing:
    """Compare what is there with what the change found and with what it makes.

    "other" also when there is nothing to compare with any more; other AccessErrors pass through.
    """
    if isinstance(change.do, RunCommand) or change.undo is None:
        return "unknown"
    try:
        actual = await read_state(change.do, transport)
    except NotThere:
        return "other"
    if actual == wished_state(change.do):
        return "after"
    if actual == old_state(change):
        return "before"
    return "other"


async def read_state(action: Action, transport: Transport) -> str:
    """What the action is about, as text: a mode, an owner, whether a process runs, or a file's digest ("" for none)."""
    if isinstance(action, SetMode):
        return f"{(await transport.stat(action.path, follow=False)).mode:04o}"
    if isinstance(action, SetOwner):
        stat = await transport.stat(action.path, follow=False)
        return f"{stat.uid}:{stat.gid}"
    if isinstance(action, SetRunning):
        return await _read_running(action, transport)
    if isinstance(action, RunCommand):
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
