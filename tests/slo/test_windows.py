"""Windows are Sloth's; rules that can never fire are named."""

from __future__ import annotations

from dataclasses import replace

from keepwell.slo.windows import DAY, MONTH, WEEK, find_unreachable, name_window, rules_of
from tests.slo.made import AVAILABLE


def test_a_months_factors_are_those_of_the_workbook() -> None:
    found = [(one.severity, one.short_seconds, one.long_seconds, one.factor) for one in MONTH]
    assert found == [
        ("page", 300.0, 3600.0, 14.4),
        ("page", 1800.0, 21600.0, 6.0),
        ("ticket", 7200.0, DAY, 3.0),
        ("ticket", 21600.0, 3 * DAY, 1.0),
    ]


def test_a_week_has_its_own() -> None:
    assert rules_of(replace(AVAILABLE, over_seconds=7 * DAY)) == WEEK
    assert [one.factor for one in WEEK] == [13.44, 3.5, 1.4, 0.98]
    assert rules_of(replace(AVAILABLE, over_seconds=28 * DAY)) == MONTH


def test_rules_that_cannot_fire_are_named() -> None:
    assert list(find_unreachable(AVAILABLE)) == []
    loose = replace(AVAILABLE, target=0.5)
    assert [one.factor for one in find_unreachable(loose)] == [14.4, 6.0, 3.0]
    assert [one.factor for one in find_unreachable(replace(AVAILABLE, target=0.9))] == [14.4]


def test_what_pages_nobody_has_tickets_only() -> None:
    assert {one.severity for one in rules_of(replace(AVAILABLE, page=False))} == {"ticket"}


def test_names_are_sloths() -> None:
    assert [name_window(s) for s in (300.0, 1800.0, 3600.0, DAY, 3 * DAY, 30 * DAY)] == [
        *("5m", "30m", "1h", "1d", "3d", "30d")
    ]
    assert name_window(90.0) == "90s"
