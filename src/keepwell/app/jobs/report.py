"""How jobs stand, in the words of `keepwell jobs`: what was written down, and what of it is still true."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keepwell.core.job import OVER, JobSpec, JobState
from keepwell.core.observation import Missing, absent, unknown
from keepwell.core.secret import mask_argv
from keepwell.jobs.living import is_living
from keepwell.jobs.records import LOG_FILE
from keepwell.jobs.telling import find_left, make_mark
from keepwell.store.device_uses import DeviceUse, load_uses

#: What is said of a job whose supervisor is gone, with and without its program.
ALONE_WHY = "it runs on, but its supervisor was killed: nobody restarts or limits it"
NO_DEVICE = absent("it asked for no device")
NOT_SEEN = unknown("no gateway looked at it while it had the device")
LOST_WHY = "supervisor and program are gone without a word: killed, or the machine was started anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One job. `state` is its stage, or "alone" (the program runs, its supervisor is gone), "lost" (both are gone), and
    for one that ended by itself "done" or "failed". Times are seconds since the epoch, 0 for none; `pid` 0 for none. Of
    the `device` that it asked time of ("" for none) it had so much memory when it was last looked at, and at most.
    """

    name: str
    state: str
    why: str
    argv: tuple[str, ...]
    folder: str
    pid: int
    run: int
    began_at: float
    ended_at: float
    next_at: float
    exit_code: int | None
    processes: int
    memory_bytes: int
    peak_memory_bytes: int
    cpu_seconds: float
    limit_seconds: float
    left: tuple[str, ...]
    log: str
    device: str = ""
    device_memory_bytes: int | Missing = NO_DEVICE
    device_peak_memory_bytes: int | Missing = NO_DEVICE
    device_busy_seconds: float | Missing = NO_DEVICE

    @property
    def runs(self) -> bool:
        """True while there is a program, or one to come."""
        return self.state not in ("done", "failed", "stopped", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsReport:
    """The answer of `jobs run`, `list`, `stop` and `resume`. `done` is what was done, `bad` that it came out badly."""

    jobs: tuple[JobLine, ...]
    done: str = ""
    bad: bool = False
    problems: tuple[str, ...] = ()
    next: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.jobs/1"

    @property
    def exit_code(self) -> int:
        """2 if what was asked for came out badly, 1 if a job cannot be read, else 0: a list judges nothing."""
        return max(2 * self.bad, int(bool(self.problems)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLogReport:
    """The answer of `jobs logs`: the last lines, each with its time; `left_out` tells that there are earlier ones."""

    name: str
    lines: tuple[str, ...]
    left_out: bool
    path: str

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.job-log/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def describe(folder: Path, spec: JobSpec, state: JobState) -> JobLine:
    """One job as it stands at this instant."""
    found, why = _stand(spec, state)
    use = _find_use(folder, spec)
    pid = 0
    if state.program is not None and is_living(state.program):
        pid = state.program.pid
    return JobLine(
        name=spec.name,
        state=found,
        why=why,
        argv=mask_argv(spec.argv),
        folder=spec.folder,
        pid=pid,
        run=state.run,
        began_at=state.began_at,
        ended_at=state.ended_at,
        next_at=state.next_at,
        exit_code=state.exit_code,
        processes=state.processes,
        memory_bytes=state.memory_bytes,
        peak_memory_bytes=state.peak_memory_bytes,
        cpu_seconds=state.cpu_seconds,
        limit_seconds=spec.limit_seconds,
        left=state.left,
        log=str(folder / LOG_FILE),
        device=spec.device,
        device_memory_bytes=use.memory_bytes,
        device_peak_memory_bytes=use.peak_memory_bytes,
        device_busy_seconds=use.busy_seconds,
    )


def _find_use(folder: Path, spec: JobSpec) -> DeviceUse:
    """What it used of its device, as the gateway saw it."""
    why = {True: NOT_SEEN, False: NO_DEVICE}[bool(spec.device)]
    nothing = DeviceUse(at=0.0, memory_bytes=why, peak_memory_bytes=why, busy_seconds=why)
    if not spec.device:
        return nothing
    return load_uses(folder.parent.parent).get(make_mark(spec), nothing)


def _stand(spec: JobSpec, state: JobState) -> tuple[str, str]:
    if state.stage == "stopped":
        return "stopped", state.why
    if state.stage in OVER:
        well = state.exit_code == 0 and not state.why
        return {True: "done", False: "failed"}[well], state.why
    if is_living(state.supervisor):
        return state.stage, state.why
    if find_left(spec, state) is not None:
        return "alone", ALONE_WHY
    return "lost", LOST_WHY
