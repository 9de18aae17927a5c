"""Carry out one action through the hands that reach the node. Each is atomic, or says that it failed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from keepwell.conform.hands import get_api, get_exact
from keepwell.core.entry import Entry
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.step import (
    Action,
    Activation,
    CallApi,
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
from keepwell.core.text import cut_text, escape_controls
from keepwell.transport.base import CallsApi, ExactHands, Hands

#: Seconds for the launcher: it waits for one that was left behind (15 s), ends the old process (10 s of grace, then
#: SIGKILL), starts the new one and waits until that is ready (60 s).
LAUNCH_SECONDS = 100.0
#: Seconds for `kill`, which sends a signal and waits for nothing.
SIGNAL_SECONDS = 10.0
#: Characters of a failed command's words that are kept for the journal and the reader.
SAID = 400
_SIGNALS = {True: "-CONT", False: "-STOP"}
_STARTED = re.compile(r"pid (\d+) started (\d+\.\d+)")


async def perform(action: Action | Activation, hands: Hands) -> str:
    """Do it; what is worth keeping of the answer (the pid of a started process), else "". AccessError if it failed."""
    if isinstance(action, SetMode):
        await hands.set_mode(action.path, action.mode)
    elif isinstance(action, SetOwner):
        await _set_owner(action, hands)
    elif isinstance(action, WriteFile):
        await hands.write(action.path, action.content, mode=action.mode)
    elif isinstance(action, RemoveFile):
        await hands.remove(action.path)
    elif isinstance(action, Put):
        await get_exact(hands).put(action.path, action.after)
    elif isinstance(action, Rename):
        await _rename(action, get_exact(hands))
    elif isinstance(action, SetRunning):
        await _run(("kill", _SIGNALS[action.running], str(action.pid)), SIGNAL_SECONDS, hands)
    elif isinstance(action, RunCommand):
        await _run(action.argv, action.timeout_seconds, hands, action.settled)
    elif isinstance(action, CallApi):
        return await _call(action, get_api(hands))
    elif isinstance(action, EndProcess):
        await _run((*_launcher(hands), *_ending(action)), LAUNCH_SECONDS, hands)
    else:
        return await _launch(action, hands)
    return ""


def succeeding(action: Activation, detail: str) -> Activation:
    """The same activation for another time: a process that it started itself (see `perform`) is the one to replace."""
    found = _STARTED.search(detail)
    if not isinstance(action, StartProcess) or found is None:
        return action
    return replace(action, replaces_pid=int(found[1]), replaces_started_at=float(found[2]))


async def _rename(action: Rename, hands: ExactHands) -> None:
    await hands.rename(action.path, action.target)
    for path, modified in zip((action.path, action.target), action.folders_ns, strict=True):
        if modified >= 0:
            await hands.put(str(PurePosixPath(path).parent), Entry(kind="folder", modified_ns=modified))


async def _call(action: CallApi, hands: CallsApi) -> str:
    try:
        if action.after:
            await hands.set_settings(action.path, dict(action.before), dict(action.after))
            return ""
        return await hands.order(action.path, timeout_seconds=action.timeout_seconds)
    except AccessError as error:
        if action.settled and action.settled in str(error):
            return f"it was so already: {error.what}"
        raise


async def _set_owner(action: SetOwner, hands: Hands) -> None:
    """Changing the owner clears set-id bits of a file: they are put back."""
    before = await hands.stat(action.path, follow=False)
    await hands.set_owner(action.path, action.uid, action.gid)
    after = await hands.stat(action.path, follow=False)
    if after.mode != before.mode:
        await hands.set_mode(action.path, before.mode)


async def _run(argv: tuple[str, ...], seconds: float, hands: Hands, settled: tuple[int, ...] = ()) -> str:
    ran = await hands.run(argv, timeout_seconds=seconds)
    if ran.code and ran.code not in settled:
        said = cut_text(escape_controls((ran.stderr or ran.stdout).decode("utf-8", "replace").strip()), SAID)
        raise AccessError(f"the command ended with {ran.code}: {said}", where=hands.name, command=" ".join(argv))
    return ran.text


def _launcher(hands: Hands) -> tuple[str, ...]:
    if not hands.python:
        raise RefusedError("no Python with keepwell on this node: it cannot start programs there", where=hands.name)
    return hands.python, "-m", "keepwell.conform.launch"


def _ending(action: EndProcess) -> tuple[str, ...]:
    same = f"{action.started_at:.3f}"
    return "--replaces", str(action.pid), "--replaces-started-at", same, "--mark", action.mark


async def _launch(action: StartProcess, hands: Hands) -> str:
    argv = list(_launcher(hands))
    argv += ["--output", action.output, "--cwd", action.cwd, "--uid", str(action.uid), "--gid", str(action.gid)]
    argv += ["--replaces", str(action.replaces_pid), "--replaces-started-at", f"{action.replaces_started_at:.3f}"]
    # what is not wished is left out: the node may have an earlier release, which knows less
    argv += ["--mark", action.mark, *["--ready", action.ready] * bool(action.ready), *["--keep"] * action.keeps]
    argv += [word for path in action.environment_files for word in ("--environment-file", path)]
    return (await _run((*argv, "--", *action.argv), LAUNCH_SECONDS, hands)).strip()
