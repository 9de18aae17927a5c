"""SeriesLog: the contract of what keeps series: a point for each minute, and for each hour much longer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from keepwell.core.series import Point, SeriesKey

MINUTE, HOUR = 60.0, 3600.0


@runtime_checkable
class SeriesLog(Protocol):
    """All methods raise AccessError where the store cannot be reached."""

    def add(self, points: Iterable[tuple[SeriesKey, Point]], sketches: Mapping[SeriesKey, bytes] | None = None) -> None:
        """Add points of one minute in one transaction, with sketches of their samples where there are any."""
        ...

    def keys(self, metric: str = "", subject: str = "") -> tuple[SeriesKey, ...]:
        """Series that there ever were, sorted; only of this metric, only about this subject or what lies in it."""
        ...

    def points(self, key: SeriesKey, since: float, until: float, step_seconds: float = MINUTE) -> tuple[Point, ...]:
        """Its points in order; `step_seconds` is MINUTE or HOUR. Where minutes are gone already there are none."""
        ...

    def quantiles(self, key: SeriesKey, since: float, until: float, shares: Iterable[float]) -> tuple[float, ...]:
        """Quantiles of its samples in whole hours that lie in this span, within one per cent; () where there are
        none.
        """
        ...

    def fold(self, now: float) -> int:
        """Put together what is over; how many hours. Costs some milliseconds for each ten series."""
        ...

    def drop(self, now: float) -> None:
        """Let go of what is too old."""
        ...

    def close(self) -> None:
        """Let go of files; safe to call twice."""
        ...
