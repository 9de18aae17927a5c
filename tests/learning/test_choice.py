"""What evidence counts for is found again in examples that were made by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.learning.choice import Choice, fit_choice, softmax
from keepwell.learning.examples import FEATURES

from .made import make_examples


def test_the_weight_that_made_the_examples_is_found_again() -> None:
    fitted = fit_choice(make_examples(1500))
    assert fitted.coefficients[0] == pytest.approx(1.0, abs=0.15)
    assert fitted.lapse < 0.03


def test_lapses_are_counted_and_do_not_bend_the_weight() -> None:
    fitted = fit_choice(make_examples(1500, lapse=0.1))
    assert 0.02 < fitted.lapse + fitted.shares(make_examples(1)[0])[1] < 0.2
    assert fitted.coefficients[0] == pytest.approx(1.0, abs=0.3)


def test_what_is_not_used_counts_for_nothing() -> None:
    fitted = fit_choice(make_examples(100), used=("evidence",))
    assert fitted.coefficients[1:] == (0.0,) * (len(FEATURES) - 1)


def test_the_same_examples_give_the_same_fit() -> None:
    assert fit_choice(make_examples(80)) == fit_choice(make_examples(80))


def test_shares_and_the_unknown_add_up_to_one() -> None:
    shares, unknown = Choice((1.0, 0.0, 0.0, 0.0, 0.0), -1.0, 0.05).shares(make_examples(1)[0])
    assert sum(shares) + unknown == pytest.approx(1.0)
    assert unknown >= 0.05


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=20))
def test_softmax_gives_shares_in_the_order_of_scores(scores: list[float]) -> None:
    shares = softmax(scores)
    assert sum(shares) == pytest.approx(1.0)
    assert shares[scores.index(max(scores))] == max(shares)
