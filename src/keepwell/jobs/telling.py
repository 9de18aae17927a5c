"""A job's words for a person, its mark, and the program that a killed supervisor left. No more than it needs."""

from __future__ import annotations

import signal

from keepwell.core.job import JobSpec, JobState, ProcessId
from keepwell.jobs.living import identify, is_living, list_marked

#: Seconds before it is started again, doubled with each failure in a row up to the longest.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 300.0


def make_mark(spec: JobSpec) -> str:
    """By what its processes are known; of no other job, also of none that had its name before."""
    return f"{spec.name}@{spec.asked_at:.6f}"


def find_left(spec: JobSpec, state: JobState) -> ProcessId | None:
    """The program that an earlier supervisor left, also where it could not write down any more which one it is."""
    if is_living(state.program):
        return state.program
    leaders = [one for one in list_marked(make_mark(spec)) if one.pid == one.session]
    if leaders:
        return identify(leaders[0].pid)
    return None


def find_pause(failures: int) -> float:
    """Seconds before the next start after so many failures in a row."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20))


def describe_end(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "nobody saw how, its supervisor had been killed"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
