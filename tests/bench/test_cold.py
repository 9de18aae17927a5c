"""Which answers waited for their model."""

from __future__ import annotations

from keepwell.bench.cold import mark_cold, was_loaded
from keepwell.bench.result import Columns, Row


def rows_of(*waits: float) -> Columns:
    rows = Columns()
    for number, one in enumerate(waits):
        rows.add(Row(sent=float(number), first=number + one))
    return rows


def test_the_first_answer_that_took_much_longer() -> None:
    rows = rows_of(8.0, 0.1, 0.1, 0.1, 0.1, 0.2)
    assert mark_cold(rows, [0]) == 1
    assert list(rows["cold"]) == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_little_longer_is_not_cold() -> None:
    assert mark_cold(rows_of(0.9, 0.1, 0.1, 0.1, 0.1, 0.1), [0]) == 0
    assert mark_cold(rows_of(20.0, 10.0, 10.0, 10.0, 10.0, 10.0), [0]) == 0


def test_too_few_others_tell_nothing() -> None:
    assert mark_cold(rows_of(8.0, 0.1, 0.1), [0]) == 0


def test_what_an_engine_tells() -> None:
    assert was_loaded(2.0, 2.5)
    assert not was_loaded(0.03, 0.04)
    assert not was_loaded(0.5, 20.0)
