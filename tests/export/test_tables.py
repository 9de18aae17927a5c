"""Rows for files."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.series import Point
from keepwell.export.parquet import REQUESTS, SERIES, request_rows, series_rows
from keepwell.export.tables import (
    DEVICE_COLUMNS,
    REQUEST_COLUMNS,
    SERIES_COLUMNS,
    describe_instant,
    device_lines,
    render_csv,
    request_lines,
    series_lines,
)
from keepwell.store.requests import RequestRow
from tests.export.made import NOW, key


def row(**more: Any) -> RequestRow:
    """A request that went well."""
    values: dict[str, Any] = dict.fromkeys(("key", "path", "dialect", "route", "proof", "digest", "device"), "")
    values |= {"id": 1, "asked": "small", "answered": "llama3.2:3b", "replica": "gpu01/one", "status": 200}
    values |= {"outcome": "", "stream": True, "retries": 0, "input_tokens": 7, "output_tokens": 40, "cached_tokens": 0}
    values |= {"bytes_in": 1, "bytes_out": 2, "changed_options": 0, "at": NOW, "queue_seconds": 0.0}
    values |= {"first_byte_seconds": 0.25, "total_seconds": 2.25, "output_token_seconds": 0.05}
    return RequestRow(**{**values, **more})


def test_columns_are_as_others_expect_them() -> None:
    assert ",".join(REQUEST_COLUMNS) == "timestamp,model,first_token_ms,tokens_per_s"
    assert ",".join(DEVICE_COLUMNS) == "timestamp,utilization,memory"


def test_a_request_is_a_line() -> None:
    assert list(request_lines([row()])) == [("2027-01-15T08:00:00.000Z", "llama3.2:3b", "250.0", "20.00")]


def test_what_is_not_known_is_empty_and_what_failed_is_left_out() -> None:
    unknown = row(first_byte_seconds=-1.0, output_token_seconds=-1.0, output_tokens=-1, answered="")
    assert [one[1:] for one in request_lines([unknown])] == [("small", "", "")]
    whole = row(first_byte_seconds=0.25, output_token_seconds=-1.0, output_tokens=10)
    assert [one[3] for one in request_lines([whole])] == ["5.00"]
    assert list(request_lines([row(outcome="replica_cut"), row(status=500)])) == []


def test_a_device_is_a_line_for_each_minute() -> None:
    used = [Point(NOW, 0.5, 0.0, 1.0, 0.7, 60), Point(NOW + 60, 0.25, 0.0, 1.0, 0.0, 60)]
    memory = [Point(NOW + 60, 3.0 * 2**30, 0.0, 0.0, 0.0, 60), Point(NOW + 120, 2.0**30, 0.0, 0.0, 0.0, 60)]
    found = [one[1:] for one in device_lines(used, memory)]
    assert found == [("50.0", ""), ("25.0", "3072"), ("", "1024")]


def test_a_series_is_a_line_for_each_point() -> None:
    one = key("collector.up", "node:gpu01", collector="a,b")
    (line,) = series_lines(one, [Point(NOW, 0.1 + 0.2, 0.0, 1.0, 1.0, 60)])
    assert line[1:] == ("collector.up", "node:gpu01", "collector=a,b", "0.30000000000000004", "0.0", "1.0", "1.0", "60")
    assert len(line) == len(SERIES_COLUMNS)


def test_an_instant_is_in_utc() -> None:
    assert describe_instant(0.0) == "1970-01-01T00:00:00.000Z"
    assert describe_instant(1_800_000_000.5) == "2027-01-15T08:00:00.500Z"


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"), max_size=12)


@settings(max_examples=60)
@given(st.lists(st.tuples(cells, cells, cells), max_size=30), st.integers(1, 7))
def test_every_cell_comes_back(rows: list[tuple[str, str, str]], together: int) -> None:
    text = "".join(render_csv(DEVICE_COLUMNS, rows, together=together))
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found == [list(DEVICE_COLUMNS), *map(list, rows)]


def test_rows_of_parquet_fit_their_columns() -> None:
    (one,) = request_rows([row()])
    assert len(one) == len(REQUESTS) == len(astuple(row()))
    assert dict(zip(REQUESTS, one, strict=True))["timestamp"] == round(NOW * 1_000_000)
    (two,) = series_rows(key("collector.up", "node:gpu01", collector="x"), [Point(NOW, 1.0, 1.0, 1.0, 1.0, 60)])
    assert len(two) == len(SERIES)
