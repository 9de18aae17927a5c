"""Where a terminal gets the fleet from: the hub that runs, else from looking itself for as long as it is shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from keepwell.app.hub.numbers import Course, find_recent
from keepwell.app.hub.opening import make_hub
from keepwell.app.hub.running import Runner
from keepwell.app.operation import Caller, untold
from keepwell.app.overview.model import Overview
from keepwell.app.overview.reading import parse_overview
from keepwell.app.wiring import Wiring, find_state, wire
from keepwell.core.errors import AccessError
from keepwell.core.ref import node
from keepwell.core.series import SeriesKey
from keepwell.store.hub_door import HubDoor, find_hub_door

#: Seconds for one answer of the hub, and bytes of it: 30 nodes with four GPUs each have 90 KB.
ASK_SECONDS, ANSWER_BYTES = 5.0, 16 * 1024 * 1024
#: What is done where no hub runs: numbers of all nodes, looks for engines, engines' own numbers. Nothing is kept.
OWN_DUTIES = ("collecting:Collecting", "surveying:Surveying", "asking:Asking")
#: Seconds until the first picture of a terminal that looks itself, at most, and between two looks whether it is there.
FIRST_SECONDS, LOOK_SECONDS = 8.0, 0.1


class Source(Protocol):
    """`where` says where it comes from, for a person; `hub` is True where a hub tells."""

    where: str
    hub: bool

    async def take(self) -> Overview:
        """The fleet now. Raises AccessError where nobody tells it any more."""
        ...

    async def recent(self, metric: str, about: str) -> Sequence[float]:
        """The last minutes of one series, a number a second; () where there are none. Raises AccessError."""
        ...


@contextlib.asynccontextmanager
async def open_source(caller: Caller) -> AsyncIterator[Source]:
    """The hub's answers, else own looks while this is open. Raises ConfigurationError."""
    async with wire(caller) as wiring:
        door = find_hub_door(wiring.state)
        if door is not None:
            yield HubSource(wiring)
            return
        async with _looking(wiring) as source:
            yield source


def is_hub_there(caller: Caller) -> bool:
    """True while a hub of the caller's state folder lives. Costs a small file."""
    return find_hub_door(find_state(caller)) is not None


class HubSource:
    """Asks the hub of a state folder; also one that was started again meanwhile, with another door."""

    hub = True

    def __init__(self, wiring: Wiring) -> None:
        self.where = "the hub"
        self._wiring = wiring

    async def take(self) -> Overview:
        """See `Source`."""
        door, content = await self._ask("/api/v1/overview")
        self.where = f"hub at {door.url.removeprefix('http://')}"
        try:
            return parse_overview(content)
        except (ValueError, msgspec.MsgspecError) as error:
            raise AccessError(f"no overview: {error}", where=door.url, hint="is its hub of another release?") from error

    async def recent(self, metric: str, about: str) -> Sequence[float]:
        """See `Source`."""
        asked = urlencode({"metric": metric, "about": about, "step": "second"})
        _, content = await self._ask(f"/api/v1/points?{asked}")
        try:
            found = msgspec.json.decode(content, type=_Courses).series
        except msgspec.MsgspecError as error:
            raise AccessError(f"no points: {error}") from error
        return [one.mean for one in next((course.points for course in found), ())]

    async def _ask(self, path: str) -> tuple[HubDoor, bytes]:
        door = find_hub_door(self._wiring.state)
        if door is None:
            raise AccessError("the hub has ended", hint="keepwell up starts it again")
        reply = await self._wiring.hands.http(
            "GET",
            door.url + path,
            headers={"authorization": f"Bearer {door.secret}"},
            timeout_seconds=ASK_SECONDS,
            max_bytes=ANSWER_BYTES,
        )
        if reply.status != 200:
            raise AccessError(f"the hub answers HTTP {reply.status}", where=door.url)
        return door, reply.body


class OwnSource:
    """Looks itself: a hub without its server, its stores and its alerts."""

    hub = False
    where = "this terminal looks itself: no hub runs (keepwell up)"

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def take(self) -> Overview:
        """See `Source`."""
        hub = self._runner.hub
        return await hub.overviews.newest(hub, hub.wiring.clock.now())

    async def recent(self, metric: str, about: str) -> Sequence[float]:
        """See `Source`."""
        found = find_recent(self._runner.hub.table, metric, about)
        return [one.mean for one in next((course.points for course in found), ())]


class _Courses(msgspec.Struct):
    series: list[Course]


@contextlib.asynccontextmanager
async def _looking(wiring: Wiring) -> AsyncIterator[OwnSource]:
    runner = Runner(make_hub(wiring, untold), OWN_DUTIES)
    running = asyncio.create_task(runner.run(), name="own looks")
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                while not _is_seen(runner):
                    await asyncio.sleep(LOOK_SECONDS)
        yield OwnSource(runner)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        runner.hub.series.close()
        runner.hub.requests.close()


def _is_seen(runner: Runner) -> bool:
    """True once this machine was looked at, and its numbers came."""
    hub = runner.hub
    track = hub.table.find(SeriesKey("host.cpu_busy_ratio", str(node(hub.here))))
    return hub.here in hub.pictures and track is not None and bool(track.values)
