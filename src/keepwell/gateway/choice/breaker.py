"""The breaker of one replica: what was bad of late keeps work away, a cheap look or a trial brings it back. Pure.

closed -> (a bad end) -> shy for a moment -> (FAILURES in a row) -> open -> (a look is well, or the pause is over) ->
half-open: one trial -> closed or open again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

State: TypeAlias = Literal["closed", "half-open", "open"]
#: Bad ends in a row after which no work is sent.
FAILURES = 3
#: Seconds without work after a single bad end, as long as others can do it.
SHY_SECONDS = 0.25
#: Seconds until an open one is tried after a refused connection, which costs nobody anything; after what costs a client
#: time; and at most: twice as long after each trial that costs something and fails.
PAUSE_SECONDS, COSTLY_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 2.0, 15.0
#: Reasons that are kept for people.
KEPT = 8


@dataclass(slots=True)
class Breaker:
    """State, why, and until when. The one who owns it is the only one to call it."""

    state: State = "closed"
    failures: int = 0
    until: float = 0.0
    pause: float = PAUSE_SECONDS
    trials: int = 0
    reasons: deque[tuple[float, str]] = field(default_factory=partial(deque, maxlen=KEPT))

    def allows(self, now: float) -> bool:
        """True if work may be sent: an open one whose pause is over may have one trial."""
        if self.state == "closed":
            return True
        if self.state == "open" and now >= self.until:
            self.state = "half-open"
        return self.state == "half-open" and not self.trials

    def shy(self, now: float) -> bool:
        """True while others are to be preferred."""
        return self.state == "closed" and now < self.until

    def began(self) -> None:
        """Work was sent."""
        self.trials += self.state == "half-open"

    def well(self) -> None:
        """Work ended well: all is forgiven."""
        if self.state == "closed" and not self.failures:
            return
        self.state, self.failures, self.until, self.pause, self.trials = "closed", 0, 0.0, PAUSE_SECONDS, 0

    def bad(self, now: float, why: str, *, cheap: bool = False) -> None:
        """Work ended badly; `cheap`: at once, and for the next trial it would cost no more."""
        self.reasons.append((now, why))
        self.failures += 1
        if cheap:
            self.pause = PAUSE_SECONDS
        elif self.state == "half-open":
            self.pause = min(2 * self.pause, LONGEST_PAUSE_SECONDS)
        if not cheap:
            self.pause = max(self.pause, COSTLY_PAUSE_SECONDS)
        if self.state != "closed" or self.failures >= FAILURES:
            self.state, self.until, self.trials = "open", now + self.pause, 0
        else:
            self.until = now + SHY_SECONDS

    @property
    def last_bad(self) -> float:
        """When work ended badly last, 0 if it never did."""
        if not self.reasons:
            return 0.0
        return self.reasons[-1][0]

    def looked(self, now: float) -> None:
        """A cheap look found it well: a trial may go there at once."""
        if self.state == "open":
            self.until = min(self.until, now)

    def given_up(self) -> None:
        """A trial ended without telling anything: its client left."""
        self.trials = 0
