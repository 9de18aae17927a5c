"""What moved is named whatever its unit; restless series and healthy moments are not; gaps and nonsense do no harm."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.series import Series, find_moves, make_series
from keepwell.series.sample import cut, ks_distance, median

AT, WINDOW = 1000.0, 60.0


def noise(
    name: str, seed: int, *, level: float = 100.0, spread: float = 5.0, until: int = 1100
) -> list[tuple[float, float]]:
    """A series around a level, a sample a second."""
    chance = random.Random(f"{name}{seed}")
    return [(float(at), chance.gauss(level, spread)) for at in range(until)]


def stepped(samples: list[tuple[float, float]], factor: float, at: float = AT) -> list[tuple[float, float]]:
    return [(when, value * (factor if when >= at else 1.0)) for when, value in samples]


def situation(seed: int, *, factor: float = 3.0, at: float = AT) -> list[Series]:
    """Twenty quiet series, one that wanders, one that stands still, and one that steps."""
    wandering, place = [], 100.0
    chance = random.Random(seed)
    for when in range(1100):
        place += chance.gauss(0, 2)
        wandering.append((float(when), place))
    quiet = [make_series(f"quiet {n}", noise(f"quiet {n}", seed)) for n in range(20)]
    return [
        *quiet,
        make_series("wandering", wandering),
        make_series("still", [(float(when), 7.0) for when in range(1100)]),
        make_series("culprit", stepped(noise("culprit", seed), factor, at)),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_what_stepped_is_first_and_beyond_chance(seed: int) -> None:
    found = find_moves(situation(seed), AT, WINDOW)
    assert [one.name for one in found.moved] == ["culprit"]
    assert found.ranked[0].onset == AT
    assert ("still", "constant") in found.left_out


def test_healthy_moments_are_told_as_such() -> None:
    alarmed = sum(bool(find_moves(situation(seed, factor=1.0), AT, WINDOW).moved) for seed in range(40))
    assert alarmed <= 2


@settings(max_examples=20, deadline=None)
@given(st.floats(-9, 9), st.integers(0, 3))
def test_the_unit_changes_nothing(exponent: float, seed: int) -> None:
    plain = situation(seed)
    scaled = [
        Series(name=one.name, times=one.times, values=tuple(value * 10**exponent for value in one.values))
        for one in plain
    ]
    one, other = find_moves(plain, AT, WINDOW), find_moves(scaled, AT, WINDOW)
    assert [move.name for move in one.moved] == [move.name for move in other.moved]
    assert one.ranked[0].name == other.ranked[0].name
    assert one.ranked[0].chance == pytest.approx(other.ranked[0].chance, rel=1e-6)
    assert [move.onset for move in one.moved] == [move.onset for move in other.moved]


def test_which_moved_first() -> None:
    early = make_series("early", stepped(noise("early", 1), 2.0, AT + 5))
    late = make_series("late", stepped(noise("late", 1), 9.0, AT + 25))
    found = find_moves([*situation(1, factor=1.0)[:20], early, late], AT, WINDOW)
    onsets = {one.name: one.onset for one in found.moved}
    assert onsets == {"early": AT + 5, "late": AT + 25}
    assert found.moved[0].name == "late"


def test_a_step_of_a_fraction_says_nothing() -> None:
    tiny = make_series("tiny", stepped(noise("tiny", 1, spread=0.001), 1.01))
    assert find_moves([*situation(1, factor=1.0), tiny], AT, WINDOW).moved == ()


def test_from_nothing_to_something_is_movement_though_no_ratio_tells_it() -> None:
    errors = make_series("errors", [(float(at), 40.0 * (at >= AT)) for at in range(1100)])
    found = find_moves([*situation(2, factor=1.0), errors], AT, WINDOW)
    assert [one.name for one in found.moved] == ["errors"]
    assert math.isfinite(found.moved[0].log_shift)


def test_too_short_a_past_knows_no_chance() -> None:
    found = find_moves([make_series("a", [(AT - 3 + n, float(n >= 3)) for n in range(10)])], AT, WINDOW)
    assert found.moved == ()
    assert found.ranked[0].chance == 1.0
    assert find_moves([], AT, WINDOW).ranked == ()


def test_gaps_stay_gaps() -> None:
    full = noise("a", 1)
    holes = [(at, value) for at, value in full if int(at) % 7]
    holes += [(at, math.nan) for at, _ in full if not int(at) % 7]
    made = make_series("a", holes)
    assert len(made.values) == sum(1 for at, _ in full if int(at) % 7)
    assert find_moves([*situation(1), made], AT, WINDOW).moved[0].name == "culprit"


def test_what_counts_up_becomes_a_rate_and_may_begin_anew() -> None:
    made = make_series("requests_total", [(0.0, 10.0), (10.0, 30.0), (20.0, 5.0)])
    assert made.values == (2.0, 0.5)
    assert make_series("requests", [(0.0, 10.0), (10.0, 30.0)]).values == (10.0, 30.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 100), st.floats(allow_nan=True, allow_infinity=True)), max_size=60), max_size=4
    ),
    st.floats(0, 100),
)
def test_any_numbers_give_an_answer(rows: list[list[tuple[float, float]]], at: float) -> None:
    found = find_moves([make_series(str(n), row) for n, row in enumerate(rows)], at, 10.0)
    for one in found.ranked:
        assert 0.0 <= one.chance <= 1.0
        assert 0.0 <= one.distance <= 1.0
    assert len(found.ranked) + len(found.left_out) == len(rows)


@given(st.lists(st.integers(-50, 50), min_size=1), st.lists(st.integers(-50, 50), min_size=1))
def test_the_distance_is_that_of_the_definition(one: list[int], other: list[int]) -> None:
    steps = [
        abs(sum(value <= at for value in one) / len(one) - sum(value <= at for value in other) / len(other))
        for at in {*one, *other}
    ]
    assert ks_distance(one, other) == pytest.approx(max(steps))
    assert median(one) == pytest.approx((sorted(one)[len(one) // 2] + sorted(one)[-len(one) // 2]) / 2, abs=50)


def test_a_cut_takes_the_start_and_leaves_the_end() -> None:
    made = make_series("a", [(float(at), 1.0) for at in range(5)])
    assert cut(made, 1.0, 3.0).times == (1.0, 2.0)
