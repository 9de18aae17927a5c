"""Figures of answers, checked against ones that can be counted by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.learning.measure import Answered, make_bins, measure, wilson


def make_answer(confidence: float | None, right: bool, number: int = 0) -> Answered:
    return Answered(
        id=str(number),
        cause="a",
        first="a" * right,
        confidence=confidence,
        right=right,
        in_three=right,
        family_right=right,
    )


def test_figures_of_four_answers() -> None:
    found = measure([make_answer(0.9, True), make_answer(0.9, False), make_answer(0.5, True), make_answer(None, False)])
    assert (found.incidents, found.top1.hits, found.answered.hits, found.sure.hits) == (4, 2, 3, 2)
    assert found.sure_and_wrong.hits == 1
    assert found.brier == pytest.approx((0.01 + 0.81 + 0.25) / 3)
    assert found.brier_constant == pytest.approx(2 / 9)
    assert found.ece == pytest.approx((0.8 + 0.5) / 3)


def test_true_confidences_lie_within_the_interval_and_false_ones_do_not() -> None:
    chance = random.Random(3)
    sure = [chance.choice((0.3, 0.6, 0.95)) for _ in range(400)]
    true = measure([make_answer(one, chance.random() < one) for one in sure])
    assert true.ece <= true.ece_perfect[1]
    false = measure([make_answer(0.95, chance.random() < 0.6) for _ in range(400)])
    assert false.ece > false.ece_perfect[1]


def test_wilson_of_none_is_everything() -> None:
    none = wilson(0, 0)
    assert (none.low, none.high, none.share) == (0.0, 1.0, 0.0)


def test_wilson_of_half() -> None:
    half = wilson(50, 100)
    assert half.low == pytest.approx(0.404, abs=0.001)
    assert half.high == pytest.approx(0.596, abs=0.001)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40))
def test_every_answer_is_in_one_bin(pairs: list[tuple[float, bool]]) -> None:
    bins = make_bins(pairs)
    assert sum(one.count for one in bins) == len(pairs)
    assert all(one.low - 1e-9 <= one.confidence <= one.high + 1e-9 for one in bins)
    assert all(0 <= one.right.low <= one.right.share <= one.right.high <= 1 for one in bins)
