"""From samples to a minute's point."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import absent
from keepwell.core.series import Point
from keepwell.store.series_sketch import parse_sketch
from keepwell.telemetry.rolling import BEFORE_SECONDS, roll
from keepwell.telemetry.table import Track

BEGIN, END = 6000.0, 6060.0


def track(*samples: tuple[float, float]) -> Track:
    times, values = array("d", [at for at, _ in samples]), array("d", [value for _, value in samples])
    return Track(absent("gone now"), 0.0, times, values)


def test_a_gauge_is_its_mean_and_bounds_within_the_minute() -> None:
    found = roll(track((5999, 100), (6000, 1), (6030, 2), (6059, 6), (6060, 100)), BEGIN, END, counter=False)
    assert found is not None
    assert found.point == Point(BEGIN, 3.0, 1.0, 6.0, 6.0, 3)
    assert sum(count for _, count in parse_sketch(found.sketch)) == 3


def test_a_counter_is_its_growth_per_second() -> None:
    found = roll(track((5990, 100), (6000, 110), (6050, 310), (6059, 310)), BEGIN, END, counter=True)
    assert found is not None
    assert found.point == Point(BEGIN, pytest.approx(210 / 69), 0.0, 4.0, 310.0, 3)


def test_a_counter_that_fell_began_anew() -> None:
    found = roll(track((6000, 1000), (6010, 50), (6020, 60)), BEGIN, END, counter=True)
    assert found is not None
    assert found.point == Point(BEGIN, pytest.approx(3.0), 1.0, 5.0, 60.0, 3)


def test_one_sample_of_a_counter_tells_no_growth() -> None:
    assert roll(track((6030, 7)), BEGIN, END, counter=True) is None
    assert roll(track((6000 - BEFORE_SECONDS - 1, 5), (6030, 7)), BEGIN, END, counter=True) is None
    slow = roll(track((6030 - 600, 5), (6030, 605)), BEGIN, END, counter=True)
    assert slow is not None
    assert slow.point.mean == 1.0


def test_nothing_in_the_minute_is_no_point() -> None:
    assert roll(track((5999, 1), (6060, 2)), BEGIN, END, counter=False) is None
    assert roll(track(), BEGIN, END, counter=False) is None


def test_what_is_no_number_is_no_point() -> None:
    assert roll(track((6000, float("nan")), (6001, 1.0)), BEGIN, END, counter=False) is None
    assert roll(track((6000, float("inf"))), BEGIN, END, counter=False) is None


@given(st.lists(st.tuples(st.floats(5900, 6100), st.floats(-1e9, 1e9)), max_size=30), st.booleans())
def test_low_mean_and_high_are_in_order(samples: list[tuple[float, float]], counter: bool) -> None:
    found = roll(track(*sorted(samples)), BEGIN, END, counter=counter)
    if found is not None:
        assert found.point.low <= found.point.mean <= found.point.high
        assert found.point.samples == sum(BEGIN <= at < END for at, _ in samples)
