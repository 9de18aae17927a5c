"""Typed reading of values never raises, and takes no Missing for a value."""

from __future__ import annotations

from hypothesis import given, settings

from keepwell.core.observation import Missing, Value
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from tests.core.strategies import missing, values


@given(values | missing)
@settings(max_examples=150)
def test_any_value_reads_as_something(value: Value | Missing) -> None:
    assert (row_of(value) == value) or row_of(value) == {}
    assert all(one in (value if isinstance(value, tuple) else ()) for one in (*rows_of(value), *texts_of(value)))
    number = find_number(value)
    assert number is None or (isinstance(value, int | float) and number == float(value))
    for key in row_of(value):
        assert isinstance(text_of(row_of(value), key), str)


def test_nothing_is_empty_and_never_zero() -> None:
    gone = Missing(kind="failed", reason="no")
    assert (row_of(gone), rows_of(gone), texts_of(gone), find_number(gone)) == ({}, (), (), None)
    assert find_number(True) is None
    assert find_number("3") is None
    assert text_of({}, "x") == ""
