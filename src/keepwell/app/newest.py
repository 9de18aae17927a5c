"""The newest number of each series: from the hub that runs, else from what it kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from keepwell.app.hub.numbers import ROWS, Number, fits, make_number
from keepwell.app.hub.opening import open_series
from keepwell.app.operation import COULD_NOT_LOOK, Caller
from keepwell.app.wiring import Wiring, wire
from keepwell.core.errors import AccessError
from keepwell.store.hub_door import HubDoor, find_hub_door
from keepwell.store.series_log import HOUR

#: Seconds for the hub's answer, and bytes of it: 10,000 rows have some 2 MB.
ASK_SECONDS, ANSWER_BYTES = 10.0, 16 * 1024 * 1024
#: Seconds for which kept minutes are looked through for the last one, where no hub runs.
KEPT_SECONDS = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesReport:
    """The answer of `series`: rows sorted by name and what they are about. `problem` says why they are not of this
    moment, or why there are none; "" where all is well. `at` is the instant of the answer, `name` what was asked for.
    """

    at: float
    series: tuple[Number, ...]
    problem: str = ""
    name: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.series/1"

    @property
    def exit_code(self) -> int:
        """3 where nothing could be looked at, else 0."""
        return COULD_NOT_LOOK * bool(self.problem and not self.series)


class _Answer(msgspec.Struct):
    series: list[Number]


async def list_series(caller: Caller, name: str, about: str) -> SeriesReport:
    """What fits the name and is about that; "" is all."""
    async with wire(caller) as wiring:
        now = wiring.clock.now()
        problem = "the hub does not run: start it with `keepwell up`"
        door = find_hub_door(wiring.state)
        if door is not None:
            try:
                return SeriesReport(at=now, series=tuple(await _ask(wiring, door, name, about)), name=name)
            except AccessError as error:
                problem = f"the hub does not answer: {error}"
        kept = tuple(_kept(wiring.state, name, about, now))
    if kept:
        problem += "; these are the last minutes that it kept"
    return SeriesReport(at=now, series=kept, problem=problem, name=name)


async def _ask(wiring: Wiring, door: HubDoor, name: str, about: str) -> list[Number]:
    """Raises AccessError where no hub answers there."""
    url = f"{door.url}/api/v1/series?{urlencode({'metric': name, 'about': about})}"
    headers = {"authorization": f"Bearer {door.secret}"}
    reply = await wiring.hands.http("GET", url, headers=headers, timeout_seconds=ASK_SECONDS, max_bytes=ANSWER_BYTES)
    if reply.status != 200:
        raise AccessError(f"HTTP {reply.status}", where=door.url)
    try:
        return msgspec.json.decode(reply.body, type=_Answer).series
    except msgspec.DecodeError as error:
        raise AccessError(f"no answer of a hub: {error}", where=door.url) from error


def _kept(state: Path, name: str, about: str, now: float) -> Iterator[Number]:
    log = open_series(state)
    try:
        known = log.keys()
        for key in [one for one in known if fits(one, name, about)][:ROWS]:
            points = log.points(key, now - KEPT_SECONDS, now + HOUR)
            if points:
                yield make_number(key, points[-1].last, points[-1].at)
    finally:
        log.close()
