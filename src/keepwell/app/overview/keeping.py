"""One drawing a second, whoever looks: pages, terminals and event streams share it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from keepwell.app.overview.drawing import draw_overview
from keepwell.app.overview.gathering import Gatherer
from keepwell.app.overview.model import Overview
from keepwell.app.overview.scene import Scene
from keepwell.app.plain import document

#: Seconds for which a drawing is good. A little less than a second, so that who asks each second gets a new one.
FRESH_SECONDS = 0.9


class Overviews:
    """The newest drawing, made when somebody asks; nothing is done while nobody does."""

    def __init__(self) -> None:
        self._gatherer = Gatherer()
        self._lock = asyncio.Lock()
        self._newest: Overview | None = None
        self._document: dict[str, Any] = {}
        self._encoded = b""

    async def newest(self, hub: Scene, now: float) -> Overview:
        """A drawing that is no older than a second; `now` is in seconds since the epoch."""
        async with self._lock:
            found = self._newest
            if found is None or not 0 <= now - found.at < FRESH_SECONDS:
                gathered = await self._gatherer.gather(hub.state, hub.wiring.hands, now)
                found = self._newest = draw_overview(hub, now, gathered)
                self._document, self._encoded = {}, b""
            return found

    def give(self, overview: Overview) -> None:
        """A drawing that was made elsewhere: it is the newest now."""
        self._newest, self._document, self._encoded = overview, {}, b""

    async def document(self, hub: Scene, now: float) -> dict[str, Any]:
        """The same as plain JSON values. Whoever gets it changes nothing in it: others have it, too."""
        newest = await self.newest(hub, now)
        if not self._document:
            self._document = document(newest)
        return self._document

    async def encoded(self, hub: Scene, now: float) -> bytes:
        """The same as JSON."""
        found = await self.document(hub, now)
        if not self._encoded:
            self._encoded = msgspec.json.encode(found)
        return self._encoded
