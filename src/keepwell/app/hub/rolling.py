"""The duty that keeps series: each minute as a point of all samples, hours put together, old files let go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from keepwell.app.hub.duty import Hub
from keepwell.core.metric import Metric
from keepwell.core.series import Point, SeriesKey
from keepwell.metrics import declared
from keepwell.store.series_log import HOUR, MINUTE
from keepwell.telemetry.rolling import roll
from keepwell.telemetry.table import KEPT, Table, Track

#: Seconds after its end at which a minute is rolled up: samples of slow connections have come by then.
LATE_SECONDS = 15.0
#: Series that are rolled up at once before others get their turn: some three milliseconds of work.
AT_ONCE = 100
#: Seconds after which a series without a reading leaves the memory: its node or process is gone.
GONE_SECONDS = 24 * HOUR
#: Minutes that are made up for where storing failed: as long as samples are kept.
MINUTES = int(KEPT / MINUTE) - 1

Rows = list[tuple[SeriesKey, Point]]


class Rolling:
    """A minute that cannot be stored is tried again as long as its samples are there."""

    name = "series"
    every_seconds = 5.0

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._next = 0.0
        self._folded = 0.0
        self._counters = frozenset(
            name for name, one in declared().items() if isinstance(one, Metric) and one.kind == "counter"
        )

    async def do(self, hub: Hub, now: float) -> None:
        """All minutes that are over. Raises AccessError where they cannot be stored."""
        self._hub = hub
        if not self._next:
            self._next = now // MINUTE * MINUTE
        self._next = max(self._next, (now - MINUTES * MINUTE) // MINUTE * MINUTE)
        while self._next + MINUTE + LATE_SECONDS <= now:
            await self._keep(hub, self._next)
            self._next += MINUTE
        if now - self._folded >= HOUR / 4:
            await asyncio.to_thread(hub.series.fold, now)
            await asyncio.to_thread(hub.series.drop, now)
            hub.table.forget(now - GONE_SECONDS)
            self._folded = now

    async def close(self) -> None:
        """Keep what there is of the minutes that are not over."""
        if self._hub is not None and self._next:
            now = self._hub.wiring.clock.now()
            while self._next < now:
                await self._keep(self._hub, self._next)
                self._next += MINUTE

    async def _keep(self, hub: Hub, begin: float) -> None:
        rows: Rows = []
        sketches: dict[SeriesKey, bytes] = {}
        for number, (key, track) in enumerate(_due(hub.table, begin)):
            made = roll(track, begin, begin + MINUTE, counter=key.metric in self._counters)
            if made is not None:
                rows.append((key, made.point))
                sketches[key] = made.sketch
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        await asyncio.to_thread(hub.series.add, rows, sketches)


def _due(table: Table, begin: float) -> Iterator[tuple[SeriesKey, Track]]:
    """Series with a sample since then."""
    return ((key, track) for key, track in table.tracks() if track.times and track.times[-1] >= begin)
