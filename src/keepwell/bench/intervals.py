"""How sure a figure is: intervals that hold in 95 of 100 runs, without assuming a shape of the distribution. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

#: The normal distribution's bound of 95 %, and Student's for 9 degrees of freedom (ten blocks).
Z95, T95_NINE = 1.959964, 2.262157
#: Blocks in time into which figures are cut for the mean: what follows each other is alike, blocks are less so.
BLOCKS = 10
#: Fewer figures than this tell nothing of how sure a mean is: two a block.
LEAST = 2 * BLOCKS


class Interval(NamedTuple):
    """From where to where; nan where nothing can be said."""

    low: float
    high: float


UNKNOWN = Interval(math.nan, math.nan)


def find_wilson(good: int, of: int) -> Interval:
    """Of a share: Wilson's score interval, which also holds for none and for all. (nan, nan) of none at all."""
    if of <= 0:
        return UNKNOWN
    share, square = good / of, Z95 * Z95
    middle = share + square / (2 * of)
    half = Z95 * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    low, high = (middle - half) / (1 + square / of), (middle + half) / (1 + square / of)
    # at the ends the formula gives the end itself but for rounding
    return Interval(max(0.0, low) * (good > 0), min(1.0, max(high, float(good == of))))


def find_quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of figures in order, between two of them in proportion (as NumPy's and vLLM's); nan of none."""
    if not ordered:
        return math.nan
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def find_quantile_interval(ordered: Sequence[float], share: float) -> Interval:
    """Of a quantile, by order statistics: the figures whose ranks the binomial distribution allows.

    (nan, nan) where there are too few figures for a bound: the 99th of 100 needs some hundreds.
    """
    count = len(ordered)
    spread = Z95 * math.sqrt(count * share * (1 - share))
    low, high = math.floor(count * share - spread), math.ceil(count * share + spread)
    if low < 0 or high >= count:
        return UNKNOWN
    return Interval(ordered[low], ordered[high])


def find_mean_interval(figures: Sequence[float]) -> Interval:
    """Of the mean of figures in the order of time, by the means of ten blocks: requests that follow each other are
    alike, so that a formula for independent ones would be too sure. (nan, nan) of fewer than 20.
    """
    if len(figures) < LEAST:
        return UNKNOWN
    edges = [round(len(figures) * one / BLOCKS) for one in range(BLOCKS + 1)]
    means = [fmean(figures[edges[one] : edges[one + 1]]) for one in range(BLOCKS)]
    half = T95_NINE * stdev(means) / math.sqrt(BLOCKS)
    mean = fmean(figures)
    return Interval(mean - half, mean + half)
