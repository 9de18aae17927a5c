"""How many at a time. Pure: told of answers and of troubles, it says how many may be in flight.

Too much is told by the server (overloaded, out of memory): fewer by a third, once for all that were sent before that.
While nothing is said, it is found by climbing: a quarter more after each window of answers, kept where the window gave
more tokens a second, taken back where it did not. With a fixed number that number is where it begins and the most, and
what was taken off is added again by eighths.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The most at a time that is found by climbing: no engine of a single machine gains from more.
MOST = 256
#: Where climbing begins.
BEGIN = 4
#: Answers of a window, for each one in flight: when climbing, the first of them were still sent with fewer.
WINDOW = {True: 3, False: 1}
#: A step up has to give so much more; less lies within what two equal windows differ by.
GAIN = 1.03
#: Windows after which a step that gave nothing is tried again: what else the engine does may have changed.
HOLD = 8


@dataclass(slots=True)
class Pace:
    """`limit` may be in flight."""

    most: int
    adapts: bool = False
    limit: int = 0
    _answers: int = 0
    _work: float = 0.0
    _since: float = 0.0
    _shrunk_at: float = -1.0
    _best: float = 0.0
    _before: int = 0
    _hold: int = 0

    def __post_init__(self) -> None:
        begin = {True: min(BEGIN, self.most), False: self.most}
        self.limit = self.limit or begin[self.adapts]

    def answered(self, work: float, now: float) -> None:
        """One answer of so much work (tokens, or 1 for each answer where they are not told)."""
        self._answers += 1
        self._work += work
        if self._since == 0.0:
            self._since = now
        if self._answers >= WINDOW[self.adapts] * max(self.limit, BEGIN) and now > self._since:
            self._judge(self._work / (now - self._since))
            self._answers, self._work, self._since = 0, 0.0, now

    def crowded(self, begun: float, now: float) -> None:
        """A request that was begun then was too much. Fewer, unless that was decided after it was sent."""
        if begun > self._shrunk_at:
            self.limit = max(1, self.limit * 2 // 3)
            self._shrunk_at = now
            self._before, self._hold = 0, HOLD
            self._answers, self._work, self._since = 0, 0.0, now

    def _judge(self, rate: float) -> None:
        if not self.adapts:
            self.limit = min(self.most, self.limit + max(1, self.limit // 8))
        elif self._before and rate < self._best * GAIN:
            self.limit, self._before, self._hold = self._before, 0, HOLD
        elif self._hold:
            self._hold -= 1
            self._best = rate
        else:
            self._best, self._before = rate, self.limit
            self.limit = min(self.most, self.limit + max(1, self.limit // 4))
            if self.limit == self._before:
                self._before = 0
