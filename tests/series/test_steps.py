"""Steps: found where they are, and hardly ever where there is none."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.series import Series, make_series
from keepwell.series.steps import find_steps

HOUR = 3600.0


def noise(seed: int, count: int = 168, *, likeness: float = 0.5, daily: float = 0.4) -> list[float]:
    """Latencies of a week by hour: 20 % up and down, each hour like the one before it, more by day than by night."""
    rng = random.Random(seed)
    drift, values = 0.0, []
    for hour in range(count):
        drift = likeness * drift + rng.gauss(0, 0.2 * math.sqrt(1 - likeness**2))
        values.append(math.exp(drift) * (1 + daily * math.sin(2 * math.pi * hour / 24)))
    return values


def series_of(values: list[float]) -> Series:
    """A value an hour."""
    return make_series("seconds", [(HOUR * number, value) for number, value in enumerate(values)])


@pytest.mark.parametrize(("likeness", "daily"), [(0.0, 0.0), (0.5, 0.4), (0.8, 0.4)])
def test_a_week_without_a_step_has_none(likeness: float, daily: float) -> None:
    found = sum(bool(find_steps(series_of(noise(seed, likeness=likeness, daily=daily)))) for seed in range(120))
    assert found <= 2


def test_twice_as_slow_for_two_days_is_found_with_its_hour() -> None:
    hits = 0
    for seed in range(60):
        values = [value * (1 + (hour >= 120)) for hour, value in enumerate(noise(seed))]
        steps = find_steps(series_of(values))
        hits += any(abs(one.at - 120 * HOUR) <= 3 * HOUR and 1.5 < one.times < 2.8 for one in steps)
    assert hits >= 50


def test_a_clean_step_is_found_exactly() -> None:
    rng = random.Random(2)
    values = [1.0 + rng.uniform(-0.02, 0.02) for _ in range(40)] + [2.0 + rng.uniform(-0.02, 0.02) for _ in range(20)]
    (step,) = find_steps(series_of(values))
    assert (step.earliest, step.at) == (39 * HOUR, 40 * HOUR)
    assert step.before == pytest.approx(1.0, abs=0.02)
    assert step.after == pytest.approx(2.0, abs=0.02)


def test_up_and_back_are_two_steps() -> None:
    rng = random.Random(3)
    values = [(1.0 + (40 <= hour < 80)) * rng.uniform(0.95, 1.05) for hour in range(120)]
    assert [one.at / HOUR for one in find_steps(series_of(values))] == [40, 80]


def test_a_few_wild_values_are_no_step() -> None:
    values = noise(5, likeness=0.0, daily=0.0)
    values[60:64] = [50.0] * 4
    assert find_steps(series_of(values)) == ()


def test_small_or_short_changes_are_none() -> None:
    rng = random.Random(4)
    assert find_steps(series_of([rng.uniform(0.99, 1.01) * (1 + 0.1 * (hour > 50)) for hour in range(100)])) == ()
    assert find_steps(series_of([1.0] * 5 + [9.0] * 5)) == ()
    assert find_steps(series_of([])) == ()
    assert find_steps(series_of([1.0] * 100)) == ()


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(min_value=0.0, max_value=1e6), max_size=80), times=st.sampled_from([1e-3, 60.0, 1e3]))
def test_the_unit_does_not_matter(values: list[float], times: float) -> None:
    one, other = find_steps(series_of(values)), find_steps(series_of([value * times for value in values]))
    assert [step.at for step in one] == [step.at for step in other]
