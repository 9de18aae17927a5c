"""Rows of a table as they stand in a file: JSON a line, CSV, Parquet. One at a time, in flat memory."""

from __future__ import annotations

import csv
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import msgspec

from keepwell.core.errors import ConfigurationError

#: Bytes of one line: a request with several pictures in it; what a gateway takes is less by default.
LINE_BYTES = 64 * 1024 * 1024
#: Rows of Parquet that are read at once.
PARQUET_ROWS = 1024
Kind: TypeAlias = Literal["jsonl", "csv", "parquet"]
_BOM = b"\xef\xbb\xbf"
#: What a file in another encoding begins with.
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BYTE = re.compile(r"\(byte (\d+)\)")
_SURROGATES = re.compile("[\ud800-\udfff]")
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the number of its line from 1 (in Parquet: of the row), its fields, and what is wrong with it if it has
    none: `problem`, at `column` from 1, 0 for the whole.
    """

    line: int
    fields: Mapping[str, object]
    problem: str = ""
    column: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not empty, without its end: its number from 1, why it cannot be read, and its place from 0 among
    those that are not empty.
    """

    number: int
    data: bytes
    problem: str = ""
    place: int = 0


def read_rows(file: BinaryIO, kind: Kind, path: Path) -> Iterator[Row]:
    """Every row of a file that was opened at its beginning; Parquet is read from the path. Raises ConfigurationError
    for a file that is no table, OSError where it cannot be read.
    """
    return _READERS[kind](file, path)


def read_lines(file: BinaryIO, done: Callable[[int], bool], most: int = LINE_BYTES) -> Iterator[Line]:
    """Every line that holds more than white space and whose place is not `done`; a mark of UTF-8 at the beginning is
    passed over. Raises ConfigurationError for another encoding.
    """
    number, place = 0, -1
    while data := file.readline(most + 1):
        number += 1
        if number == 1:
            if data.startswith(_OTHER_BOMS):
                raise ConfigurationError(
                    "the file is in UTF-16; it has to be in UTF-8", hint="iconv -f UTF-16 -t UTF-8"
                )
            data = data.removeprefix(_BOM)
        long = len(data) > most
        while long and data and not data.endswith(b"\n"):
            data = file.readline(most)
        if not long and (not data or data.isspace()):
            continue
        place += 1
        if done(place):
            continue
        if long:
            yield Line(number, b"", f"the line is longer than {most} bytes", place)
        else:
            yield Line(number, data.rstrip(b"\r\n"), "", place)


def is_none_done(place: int) -> bool:
    """For who wants all of them."""
    return False


def decode_line(data: bytes, decode: Callable[[bytes], Any]) -> tuple[Any, str, int]:
    """What `decode` makes of a line of JSON, else what is wrong with it and in which column, from 1."""
    try:
        if not data.isascii():
            data.decode()
        return decode(data), "", 0
    except UnicodeDecodeError as error:
        return None, "this is not UTF-8", error.start + 1
    except RecursionError:
        return None, "it is nested too deeply", 0
    except msgspec.DecodeError as error:  # ValidationError is one
        found = _BYTE.search(str(error))
        place = 0
        if found:
            place = int(found[1]) + 1
        return None, _BYTE.sub("", str(error)).strip(), place


def _read_jsonl(file: BinaryIO, path: Path) -> Iterator[Row]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line in read_lines(file, is_none_done):
        if line.problem:
            yield Row(line.number, {}, line.problem)
            continue
        fields, problem, column = decode_line(line.data, decode)
        yield Row(line.number, fields or {}, problem, column)


def _read_csv(file: BinaryIO, path: Path) -> Iterator[Row]:
    # the module's own limit is smaller than a prompt with a document in it, and is for the whole process
    csv.field_size_limit(LINE_BYTES)
    first = file.readline(LINE_BYTES)
    if first.startswith(_OTHER_BOMS):
        raise ConfigurationError("the file is in UTF-16; it has to be in UTF-8", hint="iconv -f UTF-16 -t UTF-8")
    lines = _decode_lines(first.removeprefix(_BOM), file)
    reader = csv.reader(lines, delimiter=_choose_delimiter(first), strict=True)
    try:
        head = next(reader, [])
    except csv.Error as error:
        raise ConfigurationError(f"the first line is no CSV: {error}", where=str(path)) from error
    _check_head(head)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, {}, f"this is no CSV: {error}")
            continue
        if values:
            yield _make_row(line, head, values)


def _decode_lines(first: bytes, file: BinaryIO) -> Iterator[str]:
    yield first.decode("utf-8", "surrogateescape")
    while data := file.readline(LINE_BYTES):
        yield data.decode("utf-8", "surrogateescape")


def _choose_delimiter(head: bytes) -> str:
    """That which stands most often in the first line, the comma where none does."""
    return max(_DELIMITERS, key=head.decode("utf-8", "replace").count)


def _check_head(head: list[str]) -> None:
    names = [one.strip() for one in head]
    if not any(names):
        raise ConfigurationError("the first line of a CSV names its columns, and this one is empty")
    twice = next((one for one in names if names.count(one) > 1), "")
    if twice:
        raise ConfigurationError(f"the first line of the CSV names the column {twice!r} twice")
    if _is_spoilt(names):
        raise ConfigurationError("the first line of the CSV is not UTF-8")
    head[:] = names


def _make_row(line: int, head: list[str], values: list[str]) -> Row:
    if len(values) != len(head):
        return Row(line, {}, f"it has {len(values)} fields where the first line names {len(head)} columns")
    if _is_spoilt(values):
        return Row(line, {}, "this is not UTF-8")
    return Row(line, dict(zip(head, values, strict=True)))


def _is_spoilt(values: list[str]) -> bool:
    return any(not one.isascii() and _SURROGATES.search(one) is not None for one in values)


def _read_parquet(file: BinaryIO, path: Path) -> Iterator[Row]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
        arrow = importlib.import_module("pyarrow")
    except ImportError as error:
        raise ConfigurationError(
            "Parquet is read by pyarrow, which is not installed", hint="pip install 'keepwell[parquet]'"
        ) from error
    try:
        with parquet.ParquetFile(path) as found:
            line = 0
            for batch in found.iter_batches(batch_size=PARQUET_ROWS):
                for fields in batch.to_pylist():
                    line += 1
                    yield Row(line, fields)
    except arrow.ArrowInvalid as error:
        raise ConfigurationError(f"this is no Parquet that can be read: {error}", where=str(path)) from error


_READERS: Mapping[Kind, Callable[[BinaryIO, Path], Iterator[Row]]] = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
