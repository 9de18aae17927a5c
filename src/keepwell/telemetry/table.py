"""The newest numbers of every series, and those of the last minutes: for pages, sinks and judges. In memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from keepwell.core.observation import Missing
from keepwell.core.series import Batch, SeriesKey

#: Samples that are kept of each series: a quarter of an hour of one a second.
KEPT = 900
#: Series that are kept; 30 nodes with four GPUs each have about 5,000. Of more, only how many there are is known.
SERIES = 50_000


def _empty() -> array[float]:
    return array("d")


@dataclass(slots=True)
class Track:
    """One series: its newest number or why there is none, when, and the samples before (instants and numbers)."""

    value: float | Missing
    at: float
    times: array[float] = field(default_factory=_empty)
    values: array[float] = field(default_factory=_empty)


class Table:
    """`refused` counts readings of series beyond SERIES."""

    def __init__(self) -> None:
        self.refused = 0
        self._tracks: dict[SeriesKey, Track] = {}

    @property
    def count(self) -> int:
        """How many series there are."""
        return len(self._tracks)

    def put(self, batch: Batch) -> None:
        """Readings of one node and instant; older ones than are there already are passed over."""
        for key, value in batch.readings:
            track = self._tracks.get(key)
            if track is None:
                if len(self._tracks) >= SERIES:
                    self.refused += 1
                    continue
                track = self._tracks[key] = Track(value, batch.at)
            elif batch.at < track.at:
                continue
            track.value, track.at = value, batch.at
            if not isinstance(value, Missing):
                track.times.append(batch.at)
                track.values.append(value)
                if len(track.times) >= 2 * KEPT:
                    del track.times[:-KEPT], track.values[:-KEPT]

    def tracks(self) -> Iterator[tuple[SeriesKey, Track]]:
        """All of them."""
        yield from list(self._tracks.items())

    def find(self, key: SeriesKey) -> Track | None:
        """One of them, or None."""
        return self._tracks.get(key)

    def forget(self, before: float) -> None:
        """Let go of series without a reading since then: a node or a process that is gone."""
        for key in [key for key, track in self._tracks.items() if track.at < before]:
            del self._tracks[key]
