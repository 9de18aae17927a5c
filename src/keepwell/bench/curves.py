"""What a picture of a result shows: how times are spread, and how they went over time. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.bench.intervals import find_quantile
from keepwell.bench.result import Result, Row

#: Bars of a spread, and steps of time.
BARS, STEPS = 40, 60
#: Times that are nearly all equal get bars about them all the same: this far, as a share.
WIDTH = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How many figures lie between each two edges, in seconds; edges grow by a factor."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One step of time: seconds from the begin to its middle, time to first token in seconds (half of requests, 95 of
    100), and output tokens a second of answers that ended in it. -1 where nothing is known.
    """

    at: float
    ttft_p50: float
    ttft_p95: float
    tokens_per_second: float
    failed: int


def make_spread(figures: Sequence[float]) -> Spread:
    """The spread of these seconds; what is not above 0 is in no bar."""
    known = sorted(one for one in figures if one > 0 and math.isfinite(one))
    if not known:
        return Spread(edges=(), counts=())
    low, high = known[0] * (1 - WIDTH), known[-1] * (1 + WIDTH)
    factor = (high / low) ** (1 / BARS)
    edges = tuple(low * factor**one for one in range(BARS + 1))
    counts = [0] * BARS
    for one in known:
        place = int(math.log(one / low) / math.log(factor))
        counts[min(BARS - 1, max(0, place))] += 1
    return Spread(edges=edges, counts=tuple(counts))


def follow_time(result: Result) -> tuple[Instant, ...]:
    """How the requests of a result went, in at most 60 steps of equal length by when they ended."""
    rows = [one for one in result.rows if math.isfinite(one.ended) and one.ended >= 0]
    if not rows:
        return ()
    length = (max(one.ended for one in rows) or 1.0) / STEPS * (1 + 1e-9)
    steps: list[list[Row]] = [[] for _ in range(STEPS)]
    for one in rows:
        steps[min(STEPS - 1, int(one.ended / length))].append(one)
    return tuple(_sum_up(step, (number + 0.5) * length, length) for number, step in enumerate(steps))


def _sum_up(rows: Sequence[Row], at: float, length: float) -> Instant:
    waits = sorted(one.first - one.sent for one in rows if not one.outcome and math.isfinite(one.first - one.sent))
    tokens = [one.output_tokens for one in rows if not one.outcome and math.isfinite(one.output_tokens)]
    p50 = p95 = -1.0
    if waits:
        p50, p95 = find_quantile(waits, 0.5), find_quantile(waits, 0.95)
    rate = -1.0
    if tokens:
        rate = math.fsum(tokens) / length
    return Instant(
        at=at, ttft_p50=p50, ttft_p95=p95, tokens_per_second=rate, failed=sum(bool(one.outcome) for one in rows)
    )
