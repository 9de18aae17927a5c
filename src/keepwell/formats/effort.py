"""What threads did, as Linux tells it: /proc/PID/task/TID/schedstat, lists of CPUs, and children. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?\Z")
#: No machine has more CPUs than this; a longer range is a broken line.
MAX_CPUS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadTime:
    """Seconds that a thread ran, and that it wanted to run and waited for a core, since it was made."""

    ran_seconds: float
    waited_seconds: float


def parse_schedstat(text: str) -> ThreadTime:
    """`schedstat`: nanoseconds on a CPU, nanoseconds waiting on a run queue, number of slices
    (Documentation/scheduler/sched-stats.rst). ValueError for anything else.
    """
    words = text.split()
    if len(words) != 3 or not all(word.isdecimal() and word.isascii() for word in words):
        raise ValueError(f"not a schedstat line: {text[:60]!r}")
    return ThreadTime(ran_seconds=int(words[0]) / 1e9, waited_seconds=int(words[1]) / 1e9)


def count_cpus(text: str) -> int:
    """How many CPUs a list such as "0-3,8" names (Cpus_allowed_list); ValueError if it is none."""
    count = 0
    for piece in text.strip().split(","):
        found = _RANGE.match(piece.strip())
        if found is None:
            raise ValueError(f"not a list of CPUs: {text[:60]!r}")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last - first >= MAX_CPUS:
            raise ValueError(f"not a list of CPUs: {text[:60]!r}")
        count += last - first + 1
    return count


def parse_children(text: str) -> tuple[int, ...]:
    """/proc/PID/task/TID/children: pids; words that are none are left out."""
    return tuple(int(word) for word in text.split() if word.isdecimal() and word.isascii())
