"""Intervals hold as often as they say, and say nothing where there is too little."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.bench.intervals import find_mean_interval, find_quantile, find_quantile_interval, find_wilson


def test_wilson_by_the_book() -> None:
    """81 of 263: the example that textbooks give."""
    interval = find_wilson(81, 263)
    assert interval.low == pytest.approx(0.2553, abs=2e-4)
    assert interval.high == pytest.approx(0.3662, abs=2e-4)


@given(st.integers(1, 10_000), st.data())
def test_wilson_holds_its_share(of: int, data: st.DataObject) -> None:
    """The share itself is in it, and it stays a share."""
    good = data.draw(st.integers(0, of))
    low, high = find_wilson(good, of)
    assert 0 <= low <= good / of <= high <= 1


def test_none_is_not_known() -> None:
    """Neither a share of nothing, nor a mean of a few, nor a bound of the 99th of 100."""
    assert all(map(math.isnan, find_wilson(0, 0)))
    assert all(map(math.isnan, find_mean_interval([1.0] * 19)))
    assert all(map(math.isnan, find_quantile_interval([1.0] * 100, 0.99)))
    assert math.isnan(find_quantile([], 0.5))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_lies_within(figures: list[float], share: float) -> None:
    """And the ends are the ends."""
    ordered = sorted(figures)
    assert ordered[0] <= find_quantile(ordered, share) <= ordered[-1]
    assert find_quantile(ordered, 0.0) == ordered[0]
    assert find_quantile(ordered, 1.0) == ordered[-1]


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_quantile_intervals_hold_in_95_of_100(share: float) -> None:
    """Of 400 samples with a known distribution; a right interval misses more than 36 once in 1,000 times or less."""
    random, truth, missed = Random(7), -math.log(1 - share), 0
    for _ in range(400):
        ordered = sorted(random.expovariate(1.0) for _ in range(300))
        low, high = find_quantile_interval(ordered, share)
        missed += not low <= truth <= high
    assert missed <= 36


def test_mean_intervals_hold_where_requests_are_alike_their_neighbours() -> None:
    """Half of each figure is that of the one before; a formula for independent ones misses a quarter of the time."""
    random, missed = Random(11), 0
    for _ in range(300):
        figures, value = [], random.gauss(0.0, 1.0)
        for _ in range(600):
            value = 0.5 * value + random.gauss(0.0, 1.0)
            figures.append(value)
        low, high = find_mean_interval(figures)
        missed += not low <= 0 <= high
    assert missed <= 30
