"""Confidences told with what they rest on; and no claim where too little was seen."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.hypothesis import Hypothesis
from keepwell.diagnose.calibration import ENOUGH_ANSWERS, Band, get_bands, tell_basis, tell_doubt
from keepwell.diagnose.scale import BELOW_CONFIDENT, CONFIDENT, LOOKED, get_told_scale, load_fitted

BANDS = (Band(low=0.0, high=0.5, right=9, count=30), Band(low=0.5, high=1.01, right=38, count=40))


def make_hypothesis(confidence: float, basis: str = "") -> Hypothesis:
    return Hypothesis(
        issue="x",
        title="x",
        family="made",
        subject=None,
        confidence=confidence,
        score=0.0,
        supporting=(),
        contradicting=(),
        undecided=(),
        basis=basis,
    )


def test_the_basis_is_told_in_tenths_or_twentieths_with_how_many() -> None:
    assert tell_basis(0.3, BANDS) == "3 of 10 such answers were right, n = 30"
    assert tell_basis(1.0, BANDS) == "19 of 20 such answers were right, n = 40"


def test_of_few_answers_no_share_is_told() -> None:
    few = (Band(low=0.0, high=1.01, right=9, count=ENOUGH_ANSWERS - 1),)
    assert tell_basis(0.3, few) == ""


def test_an_answer_below_the_threshold_is_no_answer() -> None:
    assert "not known" in tell_doubt([make_hypothesis(0.3, "3 of 10 such answers were right, n = 30")], 0.5)
    assert "3 of 10" in tell_doubt([make_hypothesis(0.3, "3 of 10 such answers were right, n = 30")], 0.5)
    assert tell_doubt([make_hypothesis(0.6)], 0.5) == ""
    assert tell_doubt([], 0.5) == ""


def test_the_shipped_bands_cover_all_confidences_and_rise() -> None:
    bands = get_bands()
    assert bands[0].low == 0.0
    assert bands[-1].high > 1.0
    assert all(one.high == other.low for one, other in pairwise(bands))
    shares = [one.share for one in bands]
    assert shares == sorted(shares)
    assert 0 < float(load_fitted()["shown_from"]) < CONFIDENT


def test_the_shipped_data_hold_numbers_and_say_where_they_come_from() -> None:
    fitted = load_fitted()
    assert fitted["date"]
    assert "incidents" in fitted["origin"]
    assert all(isinstance(value, float) for value in fitted["scale"].values())


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_is_told_rises_with_what_is_thought(one: float, other: float) -> None:
    told = get_told_scale()
    low, high = sorted((one, other))
    assert told.tell(low) <= told.tell(high)
    assert told.tell(high) <= high or high < CONFIDENT
    assert LOOKED.tell(high) == high


def test_a_nearly_confident_answer_is_told_as_none() -> None:
    told = get_told_scale()
    assert told.sure_from >= CONFIDENT
    if told.sure_from > CONFIDENT:
        assert told.tell(CONFIDENT) == BELOW_CONFIDENT
