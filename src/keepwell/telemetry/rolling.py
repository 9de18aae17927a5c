"""From samples to points: a series' minute, as it is kept. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from keepwell.core.series import Point
from keepwell.store.series_sketch import make_sketch
from keepwell.telemetry.table import Track

#: Seconds before a minute from which a counter's growth is still told of it: slow collectors look every ten minutes.
BEFORE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Rolled:
    """A point, and the sketch of what it is made of: a gauge's numbers, or a counter's growth per second."""

    point: Point
    sketch: bytes


def roll(track: Track, begin: float, end: float, *, counter: bool) -> Rolled | None:
    """What a series was from `begin` to before `end` (seconds since the epoch); None where nothing can be said."""
    first, after = bisect_left(track.times, begin), bisect_left(track.times, end)
    if first == after:
        return None
    numbers: Sequence[float] = track.values[first:after]
    last = numbers[-1]
    if counter:
        before = max(0, first - 1)
        if track.times[before] < begin - BEFORE_SECONDS:
            before = first
        numbers = find_growth(track.times[before:after], track.values[before:after])
    low, high = min(numbers, default=math.nan), max(numbers, default=math.nan)
    mean = math.fsum(numbers) / max(1, len(numbers))
    if counter and len(numbers) > 1:
        mean = find_mean_growth(track.times[before:after], numbers)
    if not all(map(math.isfinite, (low, high, mean, last))):
        return None
    point = Point(begin, min(max(mean, low), high), low, high, last, after - first)
    return Rolled(point, make_sketch(numbers))


def find_growth(times: Sequence[float], values: Sequence[float]) -> list[float]:
    """Growth per second from each sample to the next; a counter that fell began anew at 0."""
    grown = []
    for place in range(1, len(values)):
        seconds = times[place] - times[place - 1]
        step = values[place] - values[place - 1]
        if step < 0:
            step = values[place]
        if seconds > 0:
            grown.append(step / seconds)
    return grown


def find_mean_growth(times: Sequence[float], growth: Sequence[float]) -> float:
    """The mean of growths, each by how long it lasted."""
    lasted = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    total = math.fsum(lasted)
    return math.fsum(rate * seconds for rate, seconds in zip(growth, lasted, strict=True)) / max(total, 1e-9)
