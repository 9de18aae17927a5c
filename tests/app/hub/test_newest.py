"""Rows of the newest numbers: what was absent before its labels were known is not told beside it."""

from __future__ import annotations

from keepwell.app.hub.numbers import find_numbers
from keepwell.core.observation import absent
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.telemetry.table import Table

PLAIN = SeriesKey("engine.requests_running", "engine:a/it")
NAMED = SeriesKey("engine.requests_running", "engine:a/it", (("model", "m"),))
OTHER = SeriesKey("engine.requests_running", "engine:b/it")


def rows(*readings: tuple[float, Reading]) -> list[tuple[str, dict[str, str], str]]:
    """What is told after these, each at its instant."""
    table = Table()
    for at, reading in readings:
        table.put(Batch(node="a", at=at, readings=[reading]))
    return [(one.about, one.labels, one.missing) for one in find_numbers(table)]


def test_an_absence_without_labels_is_overcome_by_the_same_with_labels() -> None:
    gone = absent("not yet")
    assert rows((1.0, (PLAIN, gone)), (2.0, (NAMED, 3.0)), (1.0, (OTHER, gone))) == [
        ("engine:a/it", {"model": "m"}, ""),
        ("engine:b/it", {}, "absent: not yet"),
    ]


def test_a_newer_absence_and_a_number_without_labels_stay() -> None:
    gone = absent("gone")
    assert len(rows((2.0, (NAMED, 3.0)), (3.0, (PLAIN, gone)))) == 2
    assert len(rows((2.0, (NAMED, 3.0)), (1.0, (PLAIN, 4.0)))) == 2
