"""A series of numbers over time, and what is asked of its values: gaps stay gaps. Pure."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

#: Names that say of a series that it only counts up: its rate tells, not its height.
_COUNTS_UP = re.compile(r"(_total|_count|_sum|_bucket)(\{|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series: seconds since the epoch, ascending, and a finite value at each; what was not measured is left out."""

    name: str
    times: tuple[float, ...]
    values: tuple[float, ...]


def make_series(name: str, samples: Sequence[tuple[float, float]]) -> Series:
    """A series of samples in any order: what is not finite is left out, of two at one instant the later one counts.

    A series whose name says that it only counts up becomes its rate per second; where it falls it began anew.
    """
    kept = sorted({at: value for at, value in samples if math.isfinite(at) and math.isfinite(value)}.items())
    if _COUNTS_UP.search(name):
        kept = [
            (now, max(0.0, high - low * (high >= low)) / (now - before))
            for (before, low), (now, high) in pairwise(kept)
        ]
    return Series(name=name, times=tuple(at for at, _ in kept), values=tuple(value for _, value in kept))


def cut(series: Series, start: float, end: float) -> Series:
    """The samples from `start` on and before `end`."""
    first, last = bisect_left(series.times, start), bisect_left(series.times, end)
    return Series(name=series.name, times=series.times[first:last], values=series.values[first:last])


def median(values: Sequence[float]) -> float:
    """The middle value; of an even number the mean of the middle two. ValueError where there is none."""
    if not values:
        raise ValueError("the median of nothing")
    ordered = sorted(values)
    half = len(ordered) // 2
    return (ordered[half] + ordered[-half - 1]) / 2


def ks_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The Kolmogorov-Smirnov distance of two samples, 0..1: 1 where all of one lie below all of the other.

    Only the order of values counts, so it is the same in any unit. Costs sorting both.
    """
    first, second = sorted(one), sorted(other)
    at = to = 0
    largest = 0.0
    while at < len(first) and to < len(second):
        value = min(first[at], second[to])
        while at < len(first) and first[at] <= value:
            at += 1
        while to < len(second) and second[to] <= value:
            to += 1
        largest = max(largest, abs(at / len(first) - to / len(second)))
    return largest
