"""All stations of a run: for each target of the job those that ask it, one a lane; and who takes whose place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from keepwell.batch.job import Job
from keepwell.batch.lane import Lanes
from keepwell.batch.settling import Pending
from keepwell.batch.station import Station

#: Seconds between two looks for lanes that are new.
FIND_SECONDS = 2.0


class Stations:
    """Times are monotonic seconds."""

    def __init__(self, job: Job, lanes: Lanes, back: Callable[[], None], now: float) -> None:
        """`back` is called when one takes connections again. Raises as `lanes` does."""
        self._job = job
        self._lanes = lanes
        self._back = back
        self._places: list[list[Station]] = [[] for _ in job.targets]
        self._found_at = now
        self._add_new()

    def __iter__(self) -> Iterator[Station]:
        return (one for group in self._places for one in group)

    @property
    def at_a_time(self) -> int:
        """Requests that may be with the first target at a time, of all that are not gone."""
        return sum(one.pace.limit for one in self._places[0] if not one.down_since)

    def look(self, now: float) -> None:
        """Take in new lanes, if it is time."""
        if now - self._found_at >= FIND_SECONDS:
            self._found_at = now
            self._add_new()

    def find_open(self, place: int, now: float) -> Sequence[Station]:
        """Who asks the tasks of this target: its own, or where all of them are long gone the next one that is not."""
        group = self._places[place]
        if not all(one.is_away(now) for one in group):
            return group
        later = (one for other in self._places[place + 1 :] for one in other if not one.down_since)
        return [next(later, group[0])]

    def find_free(self, pending: Pending, now: float) -> Station | None:
        """One of the task's target that may be sent something now."""
        return next((one for one in self._places[pending.tries.target] if one.find_room(now)), None)

    def any_open(self, now: float) -> bool:
        """True if any takes connections, and did not ask to be left alone."""
        return any(one.is_open(now) for one in self)

    def close(self) -> None:
        """Close their connections."""
        for one in self:
            one.close()

    def _add_new(self) -> None:
        for place, target in enumerate(self._job.targets):
            found = self._lanes.find_new(place, target)
            self._places[place] += [Station(lane, self._job.bounds, self._back) for lane in found]
