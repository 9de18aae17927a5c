"""End a job: by its supervisor, or, where that is gone, as it would have done it."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import replace
from pathlib import Path

from keepwell.app.jobs.asking import find_folder
from keepwell.app.jobs.report import JobsReport, describe
from keepwell.app.operation import Caller
from keepwell.core.job import OVER, JobSpec, JobState, ProcessId
from keepwell.jobs.living import is_living, list_group, list_marked, send, send_group
from keepwell.jobs.records import STATE_FILE, load_spec, load_state, save_record
from keepwell.jobs.supervise import KILL_SECONDS, STOP_SECONDS
from keepwell.jobs.telling import find_left, make_mark
from keepwell.store.folder import state_error

#: Seconds that a supervisor may take beyond those that it gives its program.
MORE_SECONDS = 10.0
#: Seconds between two looks.
LOOK_SECONDS = 0.1


async def stop_job(caller: Caller, name: str) -> JobsReport:
    """End it, and wait until it has ended. Nothing is done to one that is over."""
    folder = find_folder(caller, name)
    spec, state = load_spec(folder), load_state(folder)
    if state.stage in OVER:
        return JobsReport(jobs=(describe(folder, spec, state),), done=f"{name} is over already: nothing was to do")
    caller.progress(f"{name} is ending", 0, 0)
    if state.supervisor is None or not send(state.supervisor, signal.SIGTERM):
        return await _stop_alone(folder, spec, state)
    deadline = time.monotonic() + STOP_SECONDS + 3 * KILL_SECONDS + MORE_SECONDS
    while state.stage not in OVER and is_living(state.supervisor) and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
        state = load_state(folder)
    if state.stage not in OVER:
        return await _stop_alone(folder, spec, state)
    return JobsReport(jobs=(describe(folder, spec, state),), done=f"{name} has ended", bad=bool(state.left))


async def _stop_alone(folder: Path, spec: JobSpec, state: JobState) -> JobsReport:
    """Its supervisor is gone: end the program, and write down that it was."""
    program = find_left(spec, state)
    if program is not None:
        await _end(program, spec.stop_signal)
    left = tuple(f"{one.name} (pid {one.pid})" for one in list_marked(make_mark(spec)))
    why = "stopped by its owner, without a supervisor"
    over = replace(state, stage="stopped", why=why, ended_at=time.time(), left=left, program=None, memory_bytes=0)
    try:
        save_record(folder / STATE_FILE, over)
    except OSError as error:
        raise state_error(error, folder) from error
    return JobsReport(jobs=(describe(folder, spec, over),), done=f"{spec.name} has ended", bad=bool(left))


async def _end(program: ProcessId, number: int) -> None:
    for one, seconds in ((number, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        send_group(program, one)
        deadline = time.monotonic() + seconds
        while list_group(program) and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
        if not list_group(program):
            return
