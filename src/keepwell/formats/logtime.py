"""Times in log lines, as far as they can be told without a guess about zone or year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

#: RFC 3339 or ISO 8601 with a zone, anywhere in the first part of the line; without a zone it tells nothing.
_ZONED = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)([.,]\d{1,9})?\s?(Z|[+-]\d\d:?\d\d)\b")
#: Minutes, seconds, milliseconds and microseconds since the program's start, then the level.
_SINCE_START = re.compile(r"^(\d+)\.(\d\d)\.(\d{3})\.(\d{3}) [A-Z] ")
#: Characters at the start of a line in which its time is looked for.
_HEAD = 80


def find_time(line: str) -> float | None:
    """Seconds since the epoch, or None for a line without a time that has a zone."""
    found = _ZONED.search(line, 0, _HEAD)
    if found is None:
        return None
    fraction = (found[2] or "").replace(",", ".")[:7]
    zone = found[3].replace("Z", "+00:00")
    try:
        return datetime.fromisoformat(f"{found[1].replace(' ', 'T')}{fraction}{zone}").timestamp()
    except ValueError:
        return None


def find_age(line: str) -> float | None:
    """Seconds since its program's start, for a line that begins with such a time; else None."""
    found = _SINCE_START.match(line)
    if found is None:
        return None
    return int(found[1]) * 60 + int(found[2]) + int(found[3]) / 1e3 + int(found[4]) / 1e6


def first_line_since(lines: Sequence[str], at: float, *, of_run: bool = False) -> int:
    """The index of the first line of the last stretch that is not older than `at`; 0 where no line tells a time.

    Between the last older line and the first younger one, lines without a time may belong to either: they
    count as younger, or for the start `of_run` as older (the trace that ended the run before).
    """
    younger = -1
    for index in range(len(lines) - 1, -1, -1):
        told = find_time(lines[index])
        if told is not None and told >= at:
            younger = index
        elif told is not None:
            return max(index + 1, younger * of_run)
    return 0


def last_start(lines: Sequence[str]) -> int:
    """The index of the line at which times since the start go back for the last time; 0 where they never do."""
    later: float | None = None
    for index in range(len(lines) - 1, -1, -1):
        age = find_age(lines[index])
        if age is None:
            continue
        if later is not None and age > later + _SLACK_SECONDS:
            return index + 1
        later = age
    return 0


#: Threads write their lines a little out of order; a restart goes back by far more, or begins again below this.
_SLACK_SECONDS = 0.5
