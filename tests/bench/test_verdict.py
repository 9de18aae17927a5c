"""The verdict: known tables of Student's t, no alarms between equals, slowdowns found, and what cannot be told."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.student import find_bound, find_chance
from keepwell.bench.verdict import LEAST_RUNS, Rules, Verdict, correct, judge

figures = st.lists(st.floats(1e-6, 1e6), min_size=0, max_size=12)


@pytest.mark.parametrize(
    ("freedom", "chance", "bound"),
    # From the usual printed tables of two-sided bounds.
    [
        (1, 0.05, 12.7062),
        (2, 0.01, 9.9248),
        (4, 0.01, 4.6041),
        (9, 0.05, 2.2622),
        (30, 0.1, 1.6973),
        (1000, 0.05, 1.9623),
    ],
)
def test_students_t_is_as_printed(freedom: int, chance: float, bound: float) -> None:
    assert find_bound(chance, freedom) == pytest.approx(bound, rel=5e-5)
    assert find_chance(bound, freedom) == pytest.approx(chance, rel=2e-3)


@settings(max_examples=60)
@given(st.floats(0.5, 500), st.floats(0.0001, 0.9))
def test_a_bound_and_its_chance_belong_together(freedom: float, chance: float) -> None:
    bound = find_bound(chance, freedom)
    if bound < 1e12:
        assert find_chance(bound, freedom) == pytest.approx(chance, rel=1e-3)
    assert find_chance(-bound, freedom) == find_chance(bound, freedom)


def test_edges_of_the_distribution() -> None:
    assert find_chance(0.0, 5) == pytest.approx(1.0)
    assert find_chance(math.inf, 5) == 0.0


def _runs(draw: random.Random, count: int, *, slower: float = 1.0, spread: float = 0.02) -> dict[str, list[float]]:
    """Runs of a made server: each measure varies by itself, and one run in ten fell into other work."""
    made: dict[str, list[float]] = {"ttft": [], "tpot": [], "e2e": [], "output_tokens_per_second": []}
    for _ in range(count):
        hit = 1.0 + (draw.random() < 0.1) * draw.random()
        for name, middle in (("ttft", 0.05), ("tpot", 0.01), ("e2e", 0.4)):
            made[name].append(middle * slower * hit * math.exp(draw.gauss(0, spread)))
        made["output_tokens_per_second"].append(90 / slower / hit * math.exp(draw.gauss(0, spread)))
    return made


def _count(slower: float, trials: int = 40) -> dict[str, int]:
    draw = random.Random(11)
    words = [judge(_runs(draw, 20), _runs(draw, 20, slower=slower)).word for _ in range(trials)]
    return {word: words.count(word) for word in words}


def test_equals_are_not_told_apart_and_slowdowns_are_found() -> None:
    equals = _count(1.0)
    assert not {"regressed", "improved"} & equals.keys()
    assert equals.get("same", 0) > 20
    assert _count(1 / 0.9)["regressed"] >= 38
    assert _count(0.8)["improved"] == 40


def test_runs_in_turn_cancel_what_was_slow_for_both() -> None:
    draw = random.Random(3)
    drift = [math.exp(draw.gauss(0, 0.3)) for _ in range(20)]
    before = {"e2e": [one * math.exp(draw.gauss(0, 0.01)) for one in drift]}
    after = {"e2e": [one / 0.9 * math.exp(draw.gauss(0, 0.01)) for one in drift]}
    assert judge(before, after).word == "no verdict"
    found = judge(before, after, paired=True)
    assert found.word == "regressed"
    assert found.measures[0].ratio == pytest.approx(1 / 0.9, rel=0.02)
    with pytest.raises(ValueError, match="equally many"):
        judge({"e2e": [1.0]}, {"e2e": [1.0, 2.0]}, paired=True)


def test_too_few_runs_are_said_and_how_many_would_do() -> None:
    few = judge({"ttft": [1.0] * (LEAST_RUNS - 1)}, {"ttft": [9.0] * 30})
    assert few.word == "no verdict"
    assert few.measures[0].why == "5 runs a side are needed; there are 4 and 30"
    noisy = judge(_runs(random.Random(1), 6, spread=0.2), _runs(random.Random(2), 6, spread=0.2))
    assert noisy.word == "no verdict"
    assert all(one.runs > 6 and "anything from" in one.why for one in noisy.measures)


def test_a_small_difference_however_sure_is_no_regression() -> None:
    found = judge({"ttft": [1.0] * 10}, {"ttft": [1.03] * 10})
    assert found.word == "same"
    assert judge({"ttft": [1.0] * 10}, {"ttft": [1.03] * 10}, Rules(least=0.02)).word == "regressed"


def test_what_sets_are_known_to_differ_by_is_allowed_for() -> None:
    before, after = {"ttft": [1.0, 1.01, 0.99, 1.0, 1.0]}, {"ttft": [1.1, 1.11, 1.09, 1.1, 1.1]}
    assert judge(before, after).word == "regressed"
    assert judge(before, after, Rules(drift=0.05)).word == "no verdict"
    assert judge(before, after, Rules(drift=0.02)).word == "regressed"
    assert judge(before, after, Rules(drift=0.02, freedom=2)).word == "no verdict"


def test_more_of_a_rate_is_better_and_less_of_a_time() -> None:
    steady, more = [1.0] * 6, [1.5] * 6
    found = judge(
        {"ttft": steady, "output_tokens_per_second": steady}, {"ttft": more, "output_tokens_per_second": more}
    )
    words = {one.measure: one.word for one in found.measures}
    assert words == {"ttft": "regressed", "output_tokens_per_second": "improved"}
    assert found.word == "regressed"
    assert [one.measure for one in found.regressed] == ["ttft"]
    assert found.regressed[0].worse == pytest.approx(0.5)


def test_several_measures_are_no_more_often_wrong_than_one() -> None:
    assert correct({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert correct({}) == {}


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from("abc"), figures), st.dictionaries(st.sampled_from("abc"), figures))
def test_any_figures_give_a_verdict_and_turned_round_the_opposite(
    before: dict[str, list[float]], after: dict[str, list[float]]
) -> None:
    there, back = judge(before, after), judge(after, before)
    opposite = {"regressed": "improved", "improved": "regressed", "same": "same", "no verdict": "no verdict"}
    words = {one.measure: one.word for one in back.measures}
    assert {one.measure: opposite[one.word] for one in there.measures} == words


def test_figures_that_are_none_are_left_out() -> None:
    found: Verdict = judge({"ttft": [math.nan, 0.0] + [1.0] * 5}, {"ttft": [math.inf] + [1.0] * 5})
    assert found.word == "same"
    assert judge({}, {"ttft": [1.0] * 9}).word == "no verdict"
