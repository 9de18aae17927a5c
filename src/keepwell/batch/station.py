"""One lane to a target as a run sees it: how much is in flight there and may be, when it is left alone or is gone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from keepwell.batch.job import Bounds
from keepwell.batch.lane import Lane
from keepwell.batch.pace import Pace
from keepwell.batch.settling import Pending

#: Seconds between two looks whether a target that does not answer is back: the first, and the longest.
LOOK_SECONDS, LONGEST_LOOK = 0.1, 5.0
#: Seconds without an answer after which the next target is asked instead, where there is one.
AWAY_SECONDS = 60.0


class Station:
    """Times are monotonic seconds."""

    def __init__(self, lane: Lane, bounds: Bounds, back: Callable[[], None]) -> None:
        """`back` is called when it takes connections again."""
        self.lane = lane
        self.pace = Pace(bounds.concurrency, bounds.adapts)
        self.in_flight = 0
        #: When it gave an answer last.
        self.answered_at = 0.0
        #: Nothing is sent before.
        self.cool_until = 0.0
        #: Since when it takes no connection, 0 while it does.
        self.down_since = 0.0
        #: Tasks whose connection was cut; if it is gone now, it died while it was asked them.
        self.suspects: list[Pending] = []
        self._back = back
        self._look: asyncio.Task[None] | None = None

    def find_room(self, now: float) -> int:
        """How many more may be sent."""
        if self.down_since or self.suspects or now < self.cool_until:
            return 0
        return max(0, self.pace.limit - self.in_flight)

    def is_open(self, now: float) -> bool:
        """True if it takes connections, and did not ask to be left alone."""
        return not self.down_since and now >= self.cool_until

    def is_away(self, now: float) -> bool:
        """True if it has been gone for so long that another may take its place."""
        return self.down_since > 0 and now - self.down_since > AWAY_SECONDS

    def was_cut(self, pending: Pending) -> None:
        """The connection ended while this was asked: look whether the engine is still there, before any more."""
        self.suspects.append(pending)
        if self.down_since:
            count_death(pending)
        self._begin_look()

    def is_down(self, now: float) -> None:
        """It takes no connection: nothing was sent."""
        self.down_since = self.down_since or now
        self._begin_look()

    def take_suspects(self) -> list[Pending]:
        """Tasks whose connection was cut, once it is known what became of the target."""
        if not self.suspects or self._look is None or not self._look.done():
            return []
        found, self.suspects = self.suspects, []
        return found

    def close(self) -> None:
        """Close its connections."""
        if self._look is not None:
            self._look.cancel()
        self.lane.close()

    def _begin_look(self) -> None:
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().create_task(self._look_for())

    async def _look_for(self) -> None:
        """Until it takes a connection."""
        wait = LOOK_SECONDS
        while not await self.lane.answers():
            if not self.down_since:
                self.down_since = monotonic()
                for pending in self.suspects:
                    count_death(pending)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(2 * wait, LONGEST_LOOK)
        self.down_since = 0.0
        self._back()


def count_death(pending: Pending) -> None:
    """An engine died while it was asked this, which may be why."""
    tries = pending.tries
    pending.tries = replace(tries, deaths=tries.deaths + 1, alone=tries.alone + pending.alone)
