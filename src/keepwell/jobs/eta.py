"""When will it be done: from how long things took so far, with an interval. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

from keepwell.core.words import span

#: Things of which the time is known before anything is foretold: an interval from fewer says nothing.
ENOUGH = 3
#: Of a normal distribution, 95 of 100 lie within so many standard deviations.
DEVIATIONS = 1.96


class Left(NamedTuple):
    """Seconds to the end: expected, and the interval in which 95 of 100 such ends lie, if things go on as they did."""

    seconds: float
    soonest: float
    latest: float


class Pace:
    """Mean and spread of what was measured, one by one (Welford's method: no list, and no loss of digits)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0

    def take(self, seconds: float) -> None:
        """One more thing took so long."""
        self.count += 1
        step = seconds - self.mean
        self.mean += step / self.count
        self._squares += step * (seconds - self.mean)

    def foretell(self, left: int) -> Left | None:
        """For so many more; None while too few are known. Both are uncertain: how long each of those to come takes,
        and the mean itself.
        """
        if self.count < ENOUGH:
            return None
        variance = self._squares / (self.count - 1)
        expected = left * self.mean
        spread = DEVIATIONS * math.sqrt(variance * (left + left * left / self.count))
        return Left(expected, max(0.0, expected - spread), expected + spread)


def describe_progress(done: int, total: int | None, failed: int, pace: Pace) -> str:
    """A line such as "12 of 100, 1 failed, 4.2 s each, 6 min left (5 min to 8 min)"."""
    parts = [f"{done} of {total}" * (total is not None) or f"{done}"]
    if failed:
        parts.append(f"{failed} failed")
    if pace.count:
        parts.append(f"{pace.mean:.3g} s each")
    if total is not None:
        left = pace.foretell(max(0, total - done - failed))
        if left is not None and left.latest > 0:
            parts.append(f"{span(left.seconds)} left ({span(left.soonest)} to {span(left.latest)})")
    return ", ".join(parts)
