"""The fit as the script makes it: scale, bands, thresholds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from keepwell.diagnose.calibration import Band
from keepwell.diagnose.scale import Scale
from keepwell.learning.examples import Examiner
from keepwell.learning.fitting import (
    BAND_ANSWERS,
    SURE_FROM,
    WRONG_AT_MOST,
    find_sure_from,
    fit_all,
    make_bands,
    told_with_care,
)

from .made import make_catalogue, make_examples, make_incidents
from .test_measure import make_answer


def test_made_incidents_give_a_whole_set_of_data() -> None:
    incidents = make_incidents()
    examples = Examiner(make_catalogue(), incidents).examine(incidents, "thread")
    fitted = fit_all(examples, [], "made incidents", "2026-01-31")
    scale = Scale(**fitted["scale"])
    assert scale.temperature > 0
    assert scale.words >= 0
    assert fitted["examples"] == len(incidents)
    bands = [Band(**one) for one in fitted["bands"]]
    assert sum(one.count for one in bands) == len(incidents)
    assert fit_all(examples, [], "made incidents", "2026-01-31") == fitted


def test_confident_begins_where_few_of_all_are_confident_and_wrong() -> None:
    good = [make_answer(0.95, True) for _ in range(90)]
    bad = [make_answer(0.81, False) for _ in range(10)]
    start = find_sure_from([*good, *bad])
    assert start == SURE_FROM[1]
    told = [told_with_care(one, start) for one in [*good, *bad]]
    wrong = [one for one in told if not one.right and one.confidence is not None and one.confidence >= 0.8]
    assert len(wrong) <= WRONG_AT_MOST * len(told)
    assert find_sure_from(good) == SURE_FROM[0]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200))
def test_bands_cover_every_answer_rise_and_are_not_too_small(pairs: list[tuple[float, bool]]) -> None:
    bands = make_bands([make_answer(sure, right) for sure, right in pairs])
    assert sum(one.count for one in bands) == len(pairs)
    assert all(one.share <= other.share for one, other in pairwise(bands))
    assert all(one.high == other.low for one, other in pairwise(bands))
    assert len(bands) == 1 or all(one.count >= BAND_ANSWERS for one in bands[1:])


def test_examples_of_nothing_wrong_make_the_unknown_likelier() -> None:
    taught = make_examples(200)
    well = list(make_examples(80, lapse=1.0))
    without, with_them = (fit_all(taught, each, "made", "")["scale"] for each in ([], well))
    assert with_them["unknown"] + with_them["lapse"] > without["unknown"] + without["lapse"]
