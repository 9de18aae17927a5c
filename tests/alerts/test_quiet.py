"""Quiet hours are those of the wall clock, also in the nights in which it is put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from keepwell.alerts.quiet import find_quiet
from keepwell.config.alert_model import QuietEntry
from keepwell.core.finding import Status

BERLIN = ZoneInfo("Europe/Berlin")
BOTH = frozenset((Status.WARNING, Status.CRITICAL))
NIGHT = QuietEntry(begin="22:00", end="07:00", critical="wait")


def _at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-06-01T21:59", False),
        ("2026-06-01T22:00", True),
        ("2026-06-02T03:00", True),
        ("2026-06-02T06:59", True),
        ("2026-06-02T07:00", False),
    ],
)
def test_a_night(moment: str, quiet: bool) -> None:
    assert (find_quiet([NIGHT], _at(moment), BERLIN) == BOTH) is quiet


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 8), ("2026-10-24", 10), ("2026-06-01", 9)])
def test_nights_in_which_clocks_are_put_are_quiet_from_ten_to_seven(day: str, hours: int) -> None:
    begin = _at(f"{day}T22:00")
    quiet = [minute for minute in range(-120, 14 * 60) if find_quiet([NIGHT], begin + minute * 60, BERLIN)]
    assert quiet == list(range(hours * 60))


def test_days_are_those_on_which_it_begins() -> None:
    friday = QuietEntry(begin="22:00", end="07:00", days=("fri",))
    assert find_quiet([friday], _at("2026-06-05T23:00"), BERLIN)
    assert find_quiet([friday], _at("2026-06-06T06:00"), BERLIN)
    assert not find_quiet([friday], _at("2026-06-05T06:00"), BERLIN)
    assert not find_quiet([friday], _at("2026-06-06T23:00"), BERLIN)


def test_what_is_critical_is_told_unless_the_owner_says_otherwise() -> None:
    assert find_quiet([QuietEntry(begin="00:00", end="12:00")], _at("2026-06-01T06:00"), BERLIN) == {Status.WARNING}


def test_the_same_hour_twice_is_the_whole_day_and_noon_is_of_one_zone() -> None:
    assert find_quiet([QuietEntry(begin="00:00", end="00:00", critical="wait")], _at("2026-06-01T12:00"), BERLIN)
    noon = QuietEntry(begin="12:00", end="13:00")
    at = datetime(2026, 6, 1, 12, 30, tzinfo=UTC).timestamp()
    assert find_quiet([noon], at, UTC)
    assert not find_quiet([noon], at, BERLIN)
    assert isinstance(find_quiet([noon], at, None), frozenset)
