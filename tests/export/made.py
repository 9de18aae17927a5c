"""Tables with series, made for tests of what leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keepwell.core.observation import Missing
from keepwell.core.series import Batch, SeriesKey
from keepwell.telemetry.table import Table

NOW = 1_800_000_000.0


def key(metric: str, subject: str, **labels: str) -> SeriesKey:
    """A key."""
    return SeriesKey(metric, subject, tuple(sorted(labels.items())))


def table_of(readings: Mapping[SeriesKey, float | Missing], times: Iterable[float] = (NOW - 1, NOW)) -> Table:
    """A table that got these at each of these instants."""
    made = Table()
    for at in times:
        made.put(Batch(node="n", at=at, readings=list(readings.items())))
    return made
