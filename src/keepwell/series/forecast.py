"""When a level reaches its limit if it goes on as it did, with an interval that says how sure that is. Pure.

What fills up (a disk, a pool, memory) adds up what happens in each stretch of time. So the past is cut into equal
blocks and the growth from block to block is what is estimated: its mean, and by how much that may be wrong (Student's t
over the blocks). That is right whether the level creeps or leaps, and says "not sure" by itself where it leapt once; a
line through all samples would take each of them for a new witness and be sure of anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from keepwell.series.sample import Series, cut, median

#: Blocks that the past is cut into, and the fewest with samples that tell anything.
BLOCKS, LEAST_BLOCKS = 16, 8
#: Seconds of the past that tell anything: what grew for an hour may be one download.
LEAST_SECONDS = 3 * 3600.0
#: The interval holds the true growth in this share of cases.
CONFIDENCE = 0.90
#: A fall by more than this share of the limit is somebody who made room; the past begins anew after it. Where it falls
#: again and again, that is how it lives, and all of it counts.
FALL, FALLS = 0.02, 3
#: Samples whose middle is a level: one of them may be wild.
FEW = 3
#: Two-sided quantiles of Student's t at CONFIDENCE, by degrees of freedom from 1 on; beyond, the normal's is near.
_T = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753)
_NORMAL = 1.68


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`level` of `limit` now, and its growth per second: as expected, at least and at most. Reached in `seconds` as
    expected, `soonest` and `latest`; inf where it never is. `since` is where the past begins that it is made of.
    """

    level: float
    limit: float
    growth: float
    least_growth: float
    most_growth: float
    seconds: float
    soonest: float
    latest: float
    since: float

    @property
    def grows(self) -> bool:
        """Whether it surely grows."""
        return self.least_growth > 0

    @property
    def used(self) -> float:
        """The share of the limit that is reached now."""
        return self.level / self.limit


def make_forecast(series: Series, limit: float, now: float) -> Forecast | str:
    """By the samples up to now; a sentence that says why there is no forecast where there is none.

    Costs sorting the samples once.
    """
    past = _since_fall(cut(series, -math.inf, now + 1.0), limit)
    if limit <= 0 or not past.times:
        return "nothing was measured"
    if past.times[-1] - past.times[0] < LEAST_SECONDS:
        return f"only {(past.times[-1] - past.times[0]) / 3600:.1f} hours were measured since it last fell"
    blocks = cut_blocks(past, BLOCKS)
    if len(blocks) <= LEAST_BLOCKS:
        return "too few moments were measured"
    growth, error = _growth(blocks)
    level = past.values[-1]
    left = max(0.0, limit - level)
    return Forecast(
        level=level,
        limit=limit,
        growth=growth,
        least_growth=growth - error,
        most_growth=growth + error,
        seconds=_until(left, growth),
        soonest=_until(left, growth + error),
        latest=_until(left, growth - error),
        since=past.times[0],
    )


def cut_blocks(series: Series, count: int) -> list[tuple[float, float]]:
    """The beginning, and the end of each of so many equal spans: a time, and the middle of the last few values there.

    Spans without samples are left out. Ends, not middles of whole spans: what happens between two of those is shared
    by both, and looks steadier than it is.
    """
    first, last = series.times[0], series.times[-1]
    length = (last - first) / count
    found = [(median(series.times[:FEW]), median(series.values[:FEW]))]
    for number in range(count):
        end = first + (number + 1) * length + (number == count - 1)
        part = cut(series, first + number * length, end)
        if part.times:
            found.append((median(part.times[-FEW:]), median(part.values[-FEW:])))
    return found


def _growth(blocks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean growth per second from block to block, and half its interval."""
    span = blocks[-1][0] - blocks[0][0]
    mean = (blocks[-1][1] - blocks[0][1]) / span
    steps = [(later - earlier - mean * (end - begin)) for (begin, earlier), (end, later) in pairwise(blocks)]
    freedom = len(steps) - 1
    spread = math.sqrt(sum(one * one for one in steps) / freedom)
    quantile = _NORMAL
    if freedom <= len(_T):
        quantile = _T[freedom - 1]
    return mean, quantile * spread * math.sqrt(len(steps)) / span


def _until(left: float, growth: float) -> float:
    if growth <= 0:
        return math.inf
    return left / growth


def _since_fall(series: Series, limit: float) -> Series:
    """From the last time on that somebody made room, unless that happens again and again."""
    values = series.values
    falls = [index for index in range(1, len(values)) if values[index - 1] - values[index] > FALL * limit]
    if not falls or len(falls) >= FALLS:
        return series
    return Series(name=series.name, times=series.times[falls[-1] :], values=values[falls[-1] :])
