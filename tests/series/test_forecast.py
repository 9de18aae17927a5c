"""Forecasts: exact where growth is exact, honest where it is not."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.series import make_series
from keepwell.series.forecast import Forecast, make_forecast

HOUR, DAY = 3600.0, 86400.0
TIB = 1024.0**4


def forecast_of(values: list[float], limit: float = TIB) -> Forecast | str:
    """Of a value an hour, asked at the last one."""
    samples = [(HOUR * number, value) for number, value in enumerate(values)]
    return make_forecast(make_series("level", samples), limit, samples[-1][0])


@settings(max_examples=40, deadline=None)
@given(
    daily=st.floats(min_value=1e8, max_value=1e11),
    start=st.floats(min_value=0.0, max_value=5e11),
    hours=st.integers(min_value=30, max_value=400),
)
def test_even_growth_is_found_to_the_second(daily: float, start: float, hours: int) -> None:
    values = [start + daily * number / 24 for number in range(hours)]
    found = forecast_of(values, limit=4 * TIB)
    assert isinstance(found, Forecast)
    assert found.growth == pytest.approx(daily / DAY, rel=1e-6)
    assert found.seconds == pytest.approx((4 * TIB - values[-1]) / daily * DAY, rel=1e-6)
    assert found.soonest == pytest.approx(found.seconds, rel=1e-3)
    assert found.grows


def test_the_interval_holds_the_truth_in_nine_of_ten_cases() -> None:
    """Growth that is a walk: what was written each hour is a matter of chance."""
    rng = random.Random(7)
    held = 0
    for _ in range(300):
        level, values = 1e11, []
        for _ in range(336):
            level += 1e8 + rng.gauss(0, 4e8)
            values.append(level)
        found = forecast_of(values)
        assert isinstance(found, Forecast)
        held += found.least_growth <= 1e8 / HOUR <= found.most_growth
    assert 0.84 <= held / 300 <= 0.96


def test_one_leap_is_no_growth() -> None:
    """Somebody copied a model of 40 GB, once."""
    found = forecast_of([1e11] * 200 + [1.4e11] * 136)
    assert isinstance(found, Forecast)
    assert not found.grows
    assert found.latest == math.inf


def test_it_begins_anew_after_room_was_made_but_not_where_that_is_a_habit() -> None:
    once = [5e11 + 1e9 * hour for hour in range(150)] + [2e11 + 2e9 * hour for hour in range(60)]
    found = forecast_of(once)
    assert isinstance(found, Forecast)
    assert found.since == 150 * HOUR
    assert found.growth == pytest.approx(2e9 / HOUR, rel=1e-6)
    habit = [2e11 + 5e9 * (hour % 24) for hour in range(336)]
    swings = forecast_of(habit)
    assert isinstance(swings, Forecast)
    assert swings.since == 0.0
    assert not swings.grows


def test_what_shrinks_or_stands_never_fills() -> None:
    for values in ([5e11 - 1e8 * hour for hour in range(100)], [5e11] * 100):
        found = forecast_of(values)
        assert isinstance(found, Forecast)
        assert found.seconds == found.soonest == math.inf


def test_too_little_is_said() -> None:
    assert forecast_of([1.0, 2.0]) == "only 1.0 hours were measured since it last fell"
    assert forecast_of([1.0] * 5) == "too few moments were measured"
    assert make_forecast(make_series("x", []), TIB, 0.0) == "nothing was measured"
