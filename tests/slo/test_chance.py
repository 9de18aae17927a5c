"""Chances of counts are exact."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.slo.chance import tail


def exact(trials: int, ratio: Fraction, least: int) -> float:
    """By whole numbers."""
    terms = (comb(trials, count) * ratio**count * (1 - ratio) ** (trials - count) for count in range(least, trials + 1))
    return float(sum(terms))


@given(
    trials=st.integers(min_value=0, max_value=120),
    ratio=st.fractions(min_value=Fraction(1, 2000), max_value=Fraction(9, 10), max_denominator=2000),
    least=st.integers(min_value=0, max_value=130),
)
def test_it_is_what_whole_numbers_give(trials: int, ratio: Fraction, least: int) -> None:
    assert tail(trials, float(ratio), least) == pytest.approx(exact(trials, ratio, least), rel=1e-9, abs=1e-12)


def test_its_ends() -> None:
    assert tail(10, 0.1, 0) == 1.0
    assert tail(10, 0.1, 11) == 0.0
    assert tail(10, 0.0, 1) == 0.0
    assert tail(10, 1.0, 10) == 1.0


def test_of_very_many_it_costs_little_and_stays_a_chance() -> None:
    assert tail(10_000_000, 0.001, 10_000) == pytest.approx(0.5, abs=0.01)
    assert 0.0 < tail(10_000_000, 0.001, 10_600) < 1e-8


def test_thirty_requests_at_five_percent_have_fewer_than_two_failures_more_often_than_not() -> None:
    """The limit of everything that counts requests: what needs two failures finds this in 45 of 100 cases."""
    assert 1.0 - tail(30, 0.05, 2) == pytest.approx(0.5535, abs=0.0001)
