"""Which answers had to wait for their model to be loaded. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from statistics import median

from keepwell.bench.result import Columns

#: An answer was cold if its first token took this many times what it takes once the model is loaded, and so many
#: seconds more: less is within what a full queue or a cache does.
TIMES, SECONDS = 3.0, 1.0
#: Seconds of loading that an engine tells of an answer, and their part of its time to first token, from which it was
#: cold: one that has the model tells some ten milliseconds, in which it looked for it.
TOLD_SECONDS, TOLD_RATIO = 0.1, 0.5
#: Later answers that are needed to know what it takes.
LATER = 5


def was_loaded(load_seconds: float, wait_seconds: float) -> bool:
    """True if an engine that says so spent most of the time to the first token on loading the model."""
    return load_seconds >= max(TOLD_SECONDS, TOLD_RATIO * wait_seconds)


def mark_cold(rows: Columns, early: Iterable[int]) -> int:
    """Mark the rows of one model among the `early` ones, those sent before its first answer began, that waited for it
    to be loaded; gives how many. Where too few others came later nothing is known, and nothing is marked.
    """
    first = set(early)
    waits = [_wait(rows, number) for number in range(len(rows)) if number not in first]
    known = [one for one in waits if not isnan(one)]
    if len(known) < LATER:
        return 0
    usual = median(known)
    cold = [number for number in first if _wait(rows, number) > max(TIMES * usual, usual + SECONDS)]
    for number in cold:
        rows["cold"][number] = 1.0
    return len(cold)


def _wait(rows: Columns, number: int) -> float:
    begin = rows["first"][number]
    if isnan(begin):
        begin = rows["ended"][number]
    return begin - rows["sent"][number]
