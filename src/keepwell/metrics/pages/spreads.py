"""Puts the three counters of a distribution together again: one histogram for receivers that want it so. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from keepwell.core.observation import Missing
from keepwell.core.series import Reading, SeriesKey
from keepwell.metrics.pages.names import EDGE, outside_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One histogram: its declared name, what it is about and its labels (without the edge), the sum of all, rising
    upper edges, and how many lie between each and the one before; the last count is of what lies above all.
    """

    key: SeriesKey
    total: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(slots=True)
class _Found:
    total: float = math.nan
    number: float = math.nan
    below: dict[float, float] = field(default_factory=dict)


def split(readings: Iterable[Reading]) -> tuple[list[Reading], list[Distribution]]:
    """Readings that stand alone, and histograms of those that belong together. One that is not whole, or whose counts
    fall, is left out: half of it would be wrong.
    """
    alone: list[Reading] = []
    found: dict[SeriesKey, _Found] = {}
    names = outside_names()
    for key, value in readings:
        outside = names.get(key.metric)
        if outside is None or outside.kind != "histogram":
            alone.append((key, value))
        elif not isinstance(value, Missing) and math.isfinite(value):
            labels = tuple(one for one in key.labels if one[0] != EDGE)
            mine = found.setdefault(SeriesKey(outside.dotted, key.subject, labels), _Found())
            _take(mine, outside.name, dict(key.labels).get(EDGE, ""), value)
    return alone, list(_whole(found))


def _take(mine: _Found, name: str, edge: str, value: float) -> None:
    if name.endswith("_sum"):
        mine.total = value
    elif name.endswith("_count"):
        mine.number = value
    else:
        mine.below[_edge(edge)] = value


def _edge(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _whole(found: dict[SeriesKey, _Found]) -> Iterator[Distribution]:
    for key, one in found.items():
        below = {**one.below, math.inf: one.number}
        edges = sorted(edge for edge in below if math.isfinite(edge))
        rising = [below[edge] for edge in (*edges, math.inf)]
        if math.isnan(one.total) or math.isnan(one.number) or rising != sorted(rising) or rising[0] < 0:
            continue
        counts = tuple(int(after - before) for before, after in zip([0.0, *rising], rising, strict=False))
        yield Distribution(key=key, total=one.total, edges=tuple(edges), counts=counts)
