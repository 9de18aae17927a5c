"""How fast a run is and when it will be done, from how many were done when. Pure."""

from __future__ import annotations

from collections import deque
from math import inf, nan, sqrt

#: Seconds of a part, and parts that are remembered: ten minutes, in which a night's load changes little.
PART_SECONDS, PARTS = 10.0, 60
#: Parts that are needed before an end is told.
ENOUGH = 3
#: Standard errors either side: about 19 of 20 ends lie within, if the rest is as the last ten minutes were.
SIGMAS = 2.0


class Progress:
    """Counts of parts of ten seconds. Times are monotonic."""

    def __init__(self, now: float) -> None:
        self._begun = self._since = now
        self._count = 0
        self._parts: deque[int] = deque(maxlen=PARTS)

    def add(self, count: int, now: float) -> None:
        """So many more are done."""
        while now - self._since >= PART_SECONDS:
            self._parts.append(self._count)
            self._count = 0
            self._since += PART_SECONDS
        self._count += count

    def find_rate(self, now: float) -> float:
        """Tasks a second over what is remembered; nan in the first instant."""
        seconds = len(self._parts) * PART_SECONDS + (now - self._since)
        if seconds <= 0:
            return nan
        return (sum(self._parts) + self._count) / seconds

    def find_left(self, left: int, now: float) -> tuple[float, float]:
        """Seconds until `left` more are done, at least and at most; nan while nothing can be said, inf for no end."""
        self.add(0, now)
        count = len(self._parts)
        if count < ENOUGH:
            return nan, nan
        mean = sum(self._parts) / count
        spread = sum((one - mean) ** 2 for one in self._parts) / (count - 1)
        error = SIGMAS * sqrt(spread / count + mean / count)  # how parts differ, and that tasks come whole
        low, high = mean - error, mean + error
        most = inf
        if low > 0:
            most = left / low * PART_SECONDS
        if high <= 0:
            return inf, inf
        return left / high * PART_SECONDS, most
