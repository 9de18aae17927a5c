"""The duty that looks which engines there are on each node, so that their processes and pages are watched."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from keepwell.app.fleet import picture_look
from keepwell.app.hub.duty import Hub
from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.serving.arrivals import Arrivals
from keepwell.app.serving.doors import ask_planes
from keepwell.app.wiring import Reached
from keepwell.core.errors import AccessError, KeepwellError
from keepwell.core.finding import Status
from keepwell.core.ref import node
from keepwell.core.series import Batch, SeriesKey
from keepwell.transport.base import Transport

#: Seconds between two looks at a node: all that is well, and something is not, so that its end is seen soon.
LOOK_SECONDS, TROUBLE_SECONDS = 600.0, 60.0
#: Seconds without an answer after which an engine is looked at: it may be slow, its numbers are asked for every few.
SILENT_SECONDS = 30.0
#: Share of a core that all looks together may take: with many nodes, or slow looks, they are less frequent.
SHARE = 0.02
#: Seconds for one look: those of a person's at this level.
LIMIT_SECONDS = 60.0
#: The level: engines, their states and addresses; some 0.2 s of work.
LEVEL = 1


@dataclass(slots=True)
class Looked:
    """When a node was looked at last (0: never), whether something was wrong, and what it cost in processor seconds."""

    at: float = 0.0
    bad: bool = False
    cost: float = 0.0


class Surveying:
    """One node at a time. Findings are pinned as those of `survey NODE`."""

    name = "survey"
    every_seconds = 5.0

    def __init__(self) -> None:
        self._looked: dict[str, Looked] = {}
        self._arrivals: Arrivals | None = None
        self._looks = 0

    async def do(self, hub: Hub, now: float) -> None:
        """Look at all that need it, one after the other. Raises AccessError where this machine cannot be looked at."""
        names = [hub.here, *(one.name for one in hub.wiring.config.nodes if hub.ways.find(one.name) is not None)]
        for name in sorted(names, key=self._last):
            transport = hub.ways.find(name) or hub.wiring.hands
            if await self._is_due(hub, name, transport, now):
                await self._look(hub, name, transport)

    async def close(self) -> None:
        """Nothing is to be kept."""

    def _last(self, name: str) -> float:
        return self._looked.setdefault(name, Looked()).at

    async def _is_due(self, hub: Hub, name: str, transport: Transport, now: float) -> bool:
        looked = self._looked[name]
        dear = sum(one.cost for one in self._looked.values()) / SHARE
        every = max({True: TROUBLE_SECONDS, False: LOOK_SECONDS}[looked.bad], dear)
        if now - looked.at >= every:
            return True
        if now - looked.at < looked.cost / SHARE:
            return False
        if _is_silent(hub, name, looked.at, now) or await _is_gone(hub, name, transport):
            return True
        if name != hub.here:
            return False
        self._arrivals = self._arrivals or Arrivals(transport)
        return await self._arrivals.is_due(hub.wiring.clock.monotonic())

    async def _look(self, hub: Hub, name: str, transport: Transport) -> None:
        looked = self._looked[name]
        now, began = hub.wiring.clock.now(), time.process_time()
        looked.at, looked.bad = now, True
        place = Reached(transport=transport, clock=hub.wiring.clock)
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                result = await look(hub.wiring, Caller(asked_by="hub"), level=LEVEL, at=place)
        except (TimeoutError, KeepwellError) as error:
            if name == hub.here:
                raise AccessError(f"not looked through: {error or 'too slow'}", where=name) from error
            return  # whoever collects from it tells that it is away
        looked.cost = time.process_time() - began
        self._looks += 1
        key = SeriesKey("hub.looks_total", str(node(hub.here)))
        hub.table.put(Batch(node=hub.here, at=hub.wiring.clock.now(), readings=((key, float(self._looks)),)))
        looked.bad = any(one.status is Status.CRITICAL for one in result.findings)
        own = await find_own_ports(hub) * (name == hub.here)
        hub.sites.put(name, (one for one in result.sites if urlsplit(one.url).port not in own))
        hub.board.pin(f"survey {name}", result.findings, now)
        hub.pictures[name] = picture_look(result)


async def find_own_ports(hub: Hub) -> tuple[int, ...]:
    """Ports of this machine's own gateway, which answers as engines do: it must not be asked as one."""
    planes = await ask_planes(hub.state, hub.wiring.hands)
    return tuple(int(where.rpartition(":")[2]) for one in planes for where in one.plane.listening)


def _is_silent(hub: Hub, name: str, looked_at: float, now: float) -> bool:
    """True if an engine that told its numbers does not any more, and nobody looked since."""
    for site in hub.sites.of(name):
        track = hub.table.find(SeriesKey("engine.asked_seconds", str(site.ref)))
        if track is not None and now - track.at > SILENT_SECONDS > looked_at - track.at:
            return True
    return False


async def _is_gone(hub: Hub, name: str, transport: Transport) -> bool:
    """True if a process that served an engine is there no more."""
    for pid in hub.sites.watched(name):
        try:
            await transport.stat(f"/proc/{pid}")
        except AccessError:
            return True
    return False
