"""Series: one number of one thing, again and again. What collectors give and everything after them works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from keepwell.core.observation import Missing


class SeriesKey(NamedTuple):
    """Which series: the name of a declared Metric, the text form of the Ref that it is about, and what tells its series
    apart beside that, as (name, value) sorted by name.
    """

    metric: str
    subject: str
    labels: tuple[tuple[str, str], ...] = ()


#: A series and its number now, or why there is none. Collectors keep their keys: making one costs more than a number.
Reading: TypeAlias = tuple[SeriesKey, float | Missing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What was read of one node at one instant, in seconds since the epoch by that node's clock."""

    node: str
    at: float
    readings: Sequence[Reading]


class Point(NamedTuple):
    """A series over a span that begins at `at` (a minute or an hour): its mean, lowest, highest and last value and
    how many samples there were. Of a counter `mean` is how fast it grew, per second, and `last` its value.
    """

    at: float
    mean: float
    low: float
    high: float
    last: float
    samples: int
