"""Parquet files of requests and series, for DuckDB, polars, pandas and the like. Needs the extra `parquet`."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.core.series import Point, SeriesKey
from keepwell.export.tables import describe_labels
from keepwell.store.requests import RequestRow

#: Rows that are in memory at once, and make one group of the file: 20 MB of requests.
TOGETHER = 50_000
#: Types of Arrow by those of Python.
_TYPES: Mapping[str, str] = {"int": "int64", "str": "string", "bool": "bool_", "float": "float64"}

#: The column of instants, UTC to the microsecond; `at` is a word of SQL.
INSTANT = "timestamp"
_INSTANT_FIELD = "at"


def _column(name: str, kind: str) -> tuple[str, str]:
    """A field's column and the name of its type in Arrow."""
    if name == _INSTANT_FIELD:
        return INSTANT, INSTANT
    return name, _TYPES[kind]


#: A file's columns in order, each with the name of its type in Arrow.
REQUESTS: Mapping[str, str] = dict(_column(one.name, str(one.type)) for one in fields(RequestRow))
SERIES: Mapping[str, str] = {
    INSTANT: INSTANT,
    "metric": "string",
    "about": "string",
    "labels": "string",
    "mean": "float64",
    "low": "float64",
    "high": "float64",
    "last": "float64",
    "samples": "int64",
}


def request_rows(rows: Iterable[RequestRow]) -> Iterator[tuple[Any, ...]]:
    """All fields of each request, in the order of the columns; what is not known stays -1, as the record has it."""
    names = tuple(one.name for one in fields(RequestRow))
    place = names.index(_INSTANT_FIELD)
    for one in rows:
        values = [getattr(one, name) for name in names]
        values[place] = round(one.at * 1_000_000)
        yield tuple(values)


def series_rows(key: SeriesKey, points: Iterable[Point]) -> Iterator[tuple[Any, ...]]:
    """All points of one series, in the order of the columns."""
    labels = describe_labels(key)
    for one in points:
        at = round(one.at * 1_000_000)
        yield at, key.metric, key.subject, labels, one.mean, one.low, one.high, one.last, one.samples


def write_parquet(path: Path | BinaryIO, columns: Mapping[str, str], rows: Iterator[Sequence[Any]]) -> int:
    """Write them, compressed by Zstandard; gives their number. Raises ConfigurationError where Arrow is not installed,
    AccessError where it cannot be written.
    """
    arrow, parquet = _load("pyarrow"), _load("pyarrow.parquet")
    schema = arrow.schema([(name, _type(arrow, kind)) for name, kind in columns.items()])
    written = 0
    try:
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            while block := list(islice(rows, TOGETHER)):
                arrays = [
                    arrow.array(values, field.type)
                    for values, field in zip(zip(*block, strict=True), schema, strict=True)
                ]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
                written += len(block)
    except OSError as error:
        raise AccessError(f"it cannot be written: {error.strerror or error}", where=str(path)) from error
    return written


def _type(arrow: Any, kind: str) -> Any:
    if kind == INSTANT:
        return arrow.timestamp("us", tz="UTC")
    return getattr(arrow, kind)()


def _load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        hint = "pip install 'keepwell[parquet]', or write CSV: keepwell export csv requests"
        raise ConfigurationError(
            "Parquet needs the extra parquet (pyarrow), which is not installed", hint=hint
        ) from error
