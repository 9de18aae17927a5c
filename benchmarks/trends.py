#!/usr/bin/env python3
"""How often forecasts' intervals hold the truth, and how often steps are found where there is one, and where none is.

    python benchmarks/trends.py

Made series by the hour, with seeds: growth of a fortnight, latencies of a week.
"""

from __future__ import annotations

import math
import random
import time

from keepwell.series.forecast import Forecast, make_forecast
from keepwell.series.sample import Series, make_series
from keepwell.series.steps import find_steps

HOUR, GB = 3600.0, 1e9
FORTNIGHT, WEEK = 336, 168
#: Made series of each kind.
MADE = 300


def grown(rng: random.Random, kind: str) -> Series:
    """A fortnight in which a level grew by 1 GB an hour in the mean."""
    level, samples = 500 * GB, []
    for hour in range(FORTNIGHT):
        step = GB
        if kind == "leaps":
            step = 20 * GB * (rng.random() < 0.05)
        if kind == "walk":
            step += rng.gauss(0, 4 * GB)
        level += step
        samples.append((HOUR * hour, level + rng.gauss(0, 5 * GB) * (kind == "even, with noise")))
    return make_series("level", samples)


def latencies(rng: random.Random, likeness: float, step_at: int, times: float) -> Series:
    """A week: 20 % up and down, each hour this much like the one before it, 40 % by day and night; a step."""
    drift, samples = 0.0, []
    for hour in range(WEEK):
        drift = likeness * drift + rng.gauss(0, 0.2 * math.sqrt(1 - likeness**2))
        value = math.exp(drift) * (1 + 0.4 * math.sin(2 * math.pi * hour / 24))
        samples.append((HOUR * hour, value * (times if hour >= step_at else 1.0)))
    return make_series("seconds", samples)


def main() -> None:
    """Measure and print."""
    rng = random.Random(3)
    print(f"Growth of a fortnight, {MADE} made of each: the 90 % interval holds the truth; it surely grows")
    for kind in ("even, with noise", "leaps", "walk"):
        found = [make_forecast(grown(rng, kind), 4000 * GB, HOUR * FORTNIGHT) for _ in range(MADE)]
        known = [one for one in found if isinstance(one, Forecast)]
        held = sum(one.least_growth <= GB / HOUR <= one.most_growth for one in known)
        print(f"  {kind:<18} {held / len(known):.3f}  {sum(one.grows for one in known) / len(known):.3f}")
    print(f"Latencies of a week, {MADE} made of each: a step where there is none; x1.5, x2 2 days ago found within 3 h")
    for likeness in (0.0, 0.5, 0.8):
        began = time.process_time()
        none = sum(bool(find_steps(latencies(rng, likeness, WEEK, 1.0))) for _ in range(MADE)) / MADE
        cost = (time.process_time() - began) / MADE * 1000
        cells = []
        for times in (1.5, 2.0):
            weeks = [find_steps(latencies(rng, likeness, 120, times)) for _ in range(MADE)]
            cells.append(sum(any(abs(one.at - 120 * HOUR) <= 3 * HOUR for one in steps) for steps in weeks) / MADE)
        print(f"  hours {likeness:.0%} alike   {none:.4f}   {cells[0]:.3f} {cells[1]:.3f}   {cost:.1f} ms a series")


if __name__ == "__main__":
    main()
