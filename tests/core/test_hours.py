"""Hours that come again, by the wall clock, also where it is put forward and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.hours import DAYS, Hours, find_begin, find_end, is_within

BERLIN = ZoneInfo("Europe/Berlin")
CLOCK = st.times().map(lambda one: f"{one:%H:%M}")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def told(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, BERLIN):%a %H:%M}"


@pytest.mark.parametrize(
    ("hours", "moment", "within", "begin", "end"),
    [
        (Hours("22:00", "06:00"), "2026-06-01T23:00", True, "Tue 22:00", "Tue 06:00"),
        (Hours("22:00", "06:00"), "2026-06-01T12:00", False, "Mon 22:00", "Tue 06:00"),
        (Hours("22:00", "06:00", ("fri",)), "2026-06-06T05:00", True, "Fri 22:00", "Sat 06:00"),
        (Hours("08:00", "09:00"), "2026-06-01T08:00", True, "Tue 08:00", "Mon 09:00"),
        (Hours("00:00", "00:00"), "2026-06-01T12:00", True, "Tue 00:00", "Tue 00:00"),
        (Hours("22:00", "06:00"), "2026-03-28T23:00", True, "Sun 22:00", "Sun 06:00"),
    ],
)
def test_examples(hours: Hours, moment: str, within: bool, begin: str, end: str) -> None:
    now = at(moment)
    assert is_within(hours, datetime.fromtimestamp(now, BERLIN)) is within
    assert told(find_begin(hours, now, BERLIN)) == begin
    assert told(find_end(hours, now, BERLIN)) == end


def test_a_night_in_which_the_clock_is_put_forward_has_an_hour_less() -> None:
    begin, end = at("2026-03-28T22:00"), at("2026-03-29T06:00")
    assert end - begin == 7 * 3600
    assert find_end(Hours("22:00", "06:00"), begin + 1, BERLIN) == end
    assert find_end(Hours("22:00", "06:00"), at("2026-10-24T22:30"), BERLIN) == at("2026-10-25T06:00")


@given(
    CLOCK,
    CLOCK,
    st.lists(st.sampled_from(DAYS), unique=True),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
)
def test_the_next_begin_is_ahead_and_begins_it(begin: str, end: str, days: list[str], moment: datetime) -> None:
    hours, now = Hours(begin, end, tuple(days)), moment.replace(tzinfo=BERLIN).timestamp()
    found = find_begin(hours, now, BERLIN)
    assert now < found <= now + timedelta(days=8, hours=1).total_seconds()
    there = datetime.fromtimestamp(found, BERLIN)
    if f"{there:%H:%M}" == begin:  # else that hour was left out in this night
        assert is_within(hours, there)
