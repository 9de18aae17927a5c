"""Minutes of what is no request: was a series within its bounds, is a folder's newest file young enough?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from keepwell.app.hub.duty import Hub
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.errors import AccessError, NotThere
from keepwell.slo.tally import MINUTE, minute_of
from keepwell.telemetry.table import Table, Track
from keepwell.transport.base import Transport

#: Seconds between two looks for a file that was too old the last time. A file that is young enough is not looked at
#: again before it no longer is: a folder of backups may lie on a disk that sleeps.
LOOK_SECONDS = 900.0
#: Names of a folder that are looked at; the newest backup has the greatest name or is among so many.
NAMES = 2_000


class Minutes:
    """Remembers which minute of each objective it told last, and what it knows of files."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._newest: dict[str, float] = {}
        self._looked: dict[str, float] = {}

    async def look(self, objective: ObjectiveEntry, hub: Hub, now: float) -> Sequence[tuple[int, int, int]]:
        """The last whole minute with how many were good and bad in it; none where nothing was known, or it was told."""
        minute = minute_of(now) - MINUTE
        if self._told.get(objective.name, 0) >= minute:
            return ()
        self._told[objective.name] = minute
        if objective.indicator != "freshness":
            return judge_minute(objective, hub.table, minute)
        try:
            young = await self._is_young(objective, hub.wiring.hands, now)
        except NotThere:
            young = False
        except AccessError:
            return ()
        return ((minute, int(young), int(not young)),)

    async def _is_young(self, objective: ObjectiveEntry, place: Transport, now: float) -> bool:
        path = objective.path
        young = now - self._newest.get(path, 0.0) <= objective.within_seconds
        if not young and now - self._looked.get(path, 0.0) >= LOOK_SECONDS:
            self._looked[path] = now
            self._newest[path] = await find_newest(place, path)
            young = now - self._newest[path] <= objective.within_seconds
        return young


def judge_minute(objective: ObjectiveEntry, table: Table, minute: int) -> Sequence[tuple[int, int, int]]:
    """A minute of the series that an objective is about: each that has samples in it counts once. Pure."""
    good = bad = 0
    for key, track in table.tracks():
        if key.metric == objective.measured and objective.about in ("", key.subject):
            values = samples_of(track, minute)
            if values:
                inside = is_within(objective, sum(values) / len(values))
                good, bad = good + inside, bad + (not inside)
    if good + bad == 0:
        return ()
    return ((minute, good, bad),)


def samples_of(track: Track, minute: int) -> list[float]:
    """Those that were taken in this minute."""
    pairs: Iterable[tuple[float, float]] = zip(track.times, track.values, strict=True)
    return [value for at, value in pairs if minute <= at < minute + MINUTE]


def is_within(objective: ObjectiveEntry, value: float) -> bool:
    """Whether a number lies within the bounds that there are."""
    return value >= objective.low and (objective.high < 0 or value <= objective.high)


async def find_newest(place: Transport, path: str) -> float:
    """When the file, or the newest in this folder, was last changed. Raises AccessError; NotThere for an empty one."""
    found = await place.stat(path)
    if found.kind != "directory":
        return found.modified_at
    times = []
    for name in (await place.list(path))[-NAMES:]:
        inner = await place.stat(f"{path.rstrip('/')}/{name}")
        times.append(inner.modified_at)
    if not times:
        raise NotThere("nothing is in it", where=path)
    return max(times)
