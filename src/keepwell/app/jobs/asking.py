"""Begin, take up again, and list jobs."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from keepwell.app.jobs.device_time import find_here, prepare_device_time
from keepwell.app.jobs.report import JobLine, JobsReport, describe
from keepwell.app.jobs.wishes import Wish, check_name, read_wish
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.core.errors import AccessError, ConfigurationError, DamagedError, NotThere, RefusedError
from keepwell.core.job import OVER, JobSpec, JobState
from keepwell.jobs.living import is_living
from keepwell.jobs.records import (
    ERROR_FILE,
    JOBS_FOLDER,
    LOCK_FILE,
    SPEC_FILE,
    STATE_FILE,
    load_spec,
    load_state,
    save_record,
)
from keepwell.jobs.telling import find_left
from keepwell.store.folder import make_private_folder, state_error

#: Seconds until a supervisor has started its program: it is a new process on a machine that may be busy.
BEGIN_SECONDS = 15.0
#: Seconds that a supervisor whose job is over may take to leave.
LEAVE_SECONDS = 5.0
#: Seconds between two looks at what is waited for.
LOOK_SECONDS = 0.05
#: Jobs that are listed.
LIST_JOBS = 1000
#: Characters of a supervisor's last words that are told.
ERROR_CHARACTERS = 2000
LIST_HINT = "keepwell jobs list"


async def run_job(caller: Caller, wish: Wish) -> JobsReport:
    """Begin a new job; it runs on when this returns. Raises ConfigurationError, RefusedError, AccessError."""
    _require_proc()
    spec = read_wish(wish, folder=os.getcwd(), now=time.time(), here=find_here())
    await prepare_device_time(caller, spec)
    spec, folder = _take_name(find_state(caller) / JOBS_FOLDER, spec, chosen=bool(wish.name))
    return await _begin(folder, spec, "began")


async def resume_job(caller: Caller, name: str) -> JobsReport:
    """Run it again, or adopt the program that still runs. Nothing is done where it runs as it should."""
    folder = find_folder(caller, name)
    spec, state = load_spec(folder), load_state(folder)
    if state.stage not in OVER and is_living(state.supervisor):
        return JobsReport(jobs=(describe(folder, spec, state),), done=f"{name} runs already: nothing was to do")
    await prepare_device_time(caller, spec)
    did = "began again"
    if find_left(spec, state) is not None:
        did = "is watched again, with the program that still ran"
    return await _begin(folder, spec, did)


def list_jobs(caller: Caller) -> JobsReport:
    """All jobs, those that run first, then the newest first."""
    lines, problems = [], []
    for folder in list_folders(find_state(caller)):
        try:
            lines.append(describe(folder, load_spec(folder), load_state(folder)))
        except FileNotFoundError:
            continue  # a folder whose job is being made at this instant
        except (DamagedError, OSError) as error:
            problems.append(f"{folder.name} cannot be read: {error}")
    lines.sort(key=_order)
    return JobsReport(jobs=tuple(lines), problems=tuple(problems))


def list_folders(state: Path) -> list[Path]:
    """The folders of jobs in a state folder, () if there are none."""
    try:
        return sorted(one for one in (state / JOBS_FOLDER).iterdir() if one.is_dir())[:LIST_JOBS]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise state_error(error, state / JOBS_FOLDER) from error


def find_folder(caller: Caller, name: str) -> Path:
    """The folder of the job of this name. Raises NotThere."""
    folder = find_state(caller) / JOBS_FOLDER / check_name(name)
    if not (folder / SPEC_FILE).exists():
        raise NotThere(f"there is no job {name!r}", where=str(folder), hint=LIST_HINT)
    return folder


def _order(line: JobLine) -> tuple[bool, float]:
    return not line.runs, -line.began_at


def _take_name(jobs: Path, spec: JobSpec, *, chosen: bool) -> tuple[JobSpec, Path]:
    """The folder for it. A name that was chosen may be that of a job that is over; a made one gets a number."""
    make_private_folder(jobs)
    for number in range(1, LIST_JOBS):
        name = spec.name + f"-{number}" * (number > 1)
        folder = jobs / name
        if not (folder / SPEC_FILE).exists() or (chosen and _is_over(folder)):
            make_private_folder(folder)
            return replace(spec, name=name), folder
        if chosen:
            hint = f"keepwell jobs stop {name}, or another --name"
            raise RefusedError(f"a job {name!r} runs already", where=str(folder), hint=hint)
    raise RefusedError(f"there are {LIST_JOBS} jobs of this name", hint="choose one with --name")


def _is_over(folder: Path) -> bool:
    spec, state = load_spec(folder), load_state(folder)
    return state.stage in OVER or not (is_living(state.supervisor) or find_left(spec, state))


async def _begin(folder: Path, spec: JobSpec, did: str) -> JobsReport:
    """Start a supervisor, and wait until it says that the program runs or could not be started."""
    await _prepare(folder, spec)
    pid = _spawn(folder)
    state = await _await_begin(folder, pid)
    line = describe(folder, spec, state)
    hint = f"keepwell jobs logs -f {spec.name}"
    if state.stage in OVER and not state.program and line.state == "failed":
        return JobsReport(jobs=(line,), done=f"{spec.name} failed: {state.why}", bad=True, next=hint)
    if state.stage == "queued":
        did = "is in line"
    return JobsReport(jobs=(line,), done=f"{spec.name} {did}", next=hint)


async def _prepare(folder: Path, spec: JobSpec) -> None:
    """What a supervisor finds. While another one has the lock nothing is changed. Raises RefusedError, AccessError."""
    deadline = time.monotonic() + LEAVE_SECONDS
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _take(lock):  # one that has said its last word has it for a moment more
                if time.monotonic() > deadline:
                    raise RefusedError(f"a job {spec.name!r} runs already", hint=LIST_HINT)
                await asyncio.sleep(LOOK_SECONDS)
            before = load_state(folder)
            if not _is_same(folder, spec):
                (folder / STATE_FILE).unlink(missing_ok=True)
                before = JobState(stage="waiting")
            save_record(folder / STATE_FILE, replace(before, stage="waiting", supervisor=None, why=""))
            save_record(folder / SPEC_FILE, spec)
        finally:
            os.close(lock)
    except OSError as error:
        raise state_error(error, folder) from error


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(folder: Path, spec: JobSpec) -> bool:
    try:
        return load_spec(folder) == spec
    except (FileNotFoundError, DamagedError):
        return False


def _spawn(folder: Path) -> int:
    """A supervisor of its own session, without a terminal; the pid. Raises AccessError."""
    words = [sys.executable, "-P", "-m", "keepwell.jobs.supervise", str(folder)]
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(folder / ERROR_FILE), write, 0o600),
    ]
    try:
        return os.posix_spawn(sys.executable, words, os.environ, file_actions=actions, setsid=True)
    except OSError as error:
        raise AccessError(f"no supervisor can be started: {error.strerror}", where=sys.executable) from error


async def _await_begin(folder: Path, pid: int) -> JobState:
    deadline = time.monotonic() + BEGIN_SECONDS
    gone = False
    while True:
        state = load_state(folder)
        if state.supervisor is not None and state.supervisor.pid == pid and state.stage != "waiting":
            return state
        if gone:
            words = (folder / ERROR_FILE).read_text("utf-8", "replace").strip()[-ERROR_CHARACTERS:]
            raise AccessError(f"the supervisor ended at once: {words or 'it said nothing'}", where=str(folder))
        if time.monotonic() > deadline:
            raise AccessError(f"the supervisor said nothing for {BEGIN_SECONDS:g} s", where=str(folder), hint=LIST_HINT)
        gone = os.waitpid(pid, os.WNOHANG)[0] == pid  # the state is read once more afterwards
        await asyncio.sleep(LOOK_SECONDS)


def _require_proc() -> None:
    if not os.path.exists("/proc/self/stat"):
        raise ConfigurationError("keepwell jobs tells processes apart by /proc, which this system does not have")
