"""Samples: spread over the whole, and an interval in which the truth mostly lies."""

from __future__ import annotations

import random
from itertools import pairwise
from math import isnan

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.batch.sampling import choose_spread, estimate_sum


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 1000))
def test_so_many_are_taken_evenly(total: int, count: int) -> None:
    chosen = sorted(choose_spread(total, count))
    assert len(chosen) == min(total, count)
    assert all(0 <= one < total for one in chosen)
    gaps = [after - before for before, after in pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 1_000_000), min_size=2, max_size=30), st.integers(0, 1000))
def test_an_estimate_is_never_below_what_was_seen(values: list[int], more: int) -> None:
    found = estimate_sum(values, len(values) + more)
    assert sum(values) * (1 - 1e-9) <= found.low <= found.middle * (1 + 1e-9) <= found.high * (1 + 1e-6) + 1e-6
    whole = estimate_sum(values, len(values))
    assert whole.high - whole.low <= 1e-6 * max(1.0, whole.middle)


def test_the_truth_lies_within_about_as_often_as_is_said() -> None:
    chance = random.Random(1)
    whole = [chance.gauss(100, 20) for _ in range(1000)]
    truth, within = sum(whole), 0
    for _ in range(300):
        found = estimate_sum(chance.sample(whole, 10), len(whole))
        within += found.low <= truth <= found.high
    assert 0.91 <= within / 300 <= 0.99


def test_of_one_or_none_no_interval_can_be_told() -> None:
    assert isnan(estimate_sum([], 5).middle)
    assert (estimate_sum([2.0], 5).middle, isnan(estimate_sum([2.0], 5).high)) == (10.0, True)
