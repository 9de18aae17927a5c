"""`keepwell series` on a screen."""

from __future__ import annotations

import pytest
from rich.console import Console

from keepwell.app.hub.numbers import Number
from keepwell.app.newest import SeriesReport
from keepwell.cli.views.series import render, render_value


def shown(report: SeriesReport) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(render(report))
    return captured.get()


def number(metric: str, *, labels: dict[str, str], value: float | None, missing: str = "", at: float = 100.0) -> Number:
    return Number(metric=metric, about="engine:n/x", labels=labels, unit="bytes", at=at, value=value, missing=missing)


def test_parts_of_distributions_stand_there_when_they_are_named() -> None:
    part = number("engine.first_token_bucket_total", labels={"le": "0.5"}, value=7.0)
    other = number("process.memory_bytes", labels={"kind": "file"}, value=3 * 2**30)
    every = shown(SeriesReport(at=100.0, series=(part, other)))
    assert "3 GiB" in every
    assert "first_token" not in every
    assert "1 parts of distributions" in every
    assert "first_token" in shown(SeriesReport(at=100.0, series=(part,), name="engine.first_token*"))


def test_what_is_absent_says_why_without_its_control_characters() -> None:
    text = shown(
        SeriesReport(at=160.0, series=(number("a.b_bytes", labels={}, value=None, missing="absent: \x1b[2Jno"),))
    )
    assert "absent: " in text
    assert "\x1b" not in text
    assert "1 min ago" in text


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0034, "seconds", "0.0034 s"),
        (7200.0, "seconds", "2 h"),
        (0.5, "ratio", "50 %"),
        (-1.5, "bytes", "-1.5 bytes"),
        (61.25, "celsius", "61.2 celsius"),
        (5.0, "", "5"),
    ],
)
def test_numbers_are_read_by_people(value: float, unit: str, words: str) -> None:
    assert render_value(value, unit) == words
