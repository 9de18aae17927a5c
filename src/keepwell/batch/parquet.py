"""Rows that were answered as a Parquet file: written whole beside its place, then put there. Needs pyarrow.

The rows come from a file of JSON lines, read twice in flat memory: once for what their columns hold, once to write.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from keepwell.core.errors import AccessError, ConfigurationError, DamagedError
from keepwell.store.folder import sync_folder

SUFFIX = ".parquet"
#: Rows that are written at once; each such group is read whole by those who read the file.
ROWS = 8192
#: What values of a column are; several of them in one column are added up.
_BOOL, _INT, _FLOAT, _TEXT, _NUMBERS, _OTHER = 1, 2, 4, 8, 16, 32
_INT_MOST = 1 << 63


def is_parquet(path: Path) -> bool:
    """True for the name of a Parquet file."""
    return path.suffix.lower() == SUFFIX


def require_pyarrow() -> None:
    """Nothing, or ConfigurationError where it is not installed."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        hint = "pip install 'keepwell[parquet]'"
        raise ConfigurationError("Parquet is written by pyarrow, which is not installed", hint=hint) from error


def write_parquet(rows: Path, size: int, path: Path) -> int:
    """Make the file at `path` of the first `size` bytes of `rows`, and return how many rows it has.

    What was there is replaced when the new one is whole and safe. Raises AccessError where it cannot be written,
    DamagedError for rows that are none.
    """
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    beside = path.with_name(f".{path.name}.part")
    count = 0
    try:
        kinds = _find_kinds(rows, size)
        schema = arrow.schema([(name, _choose_type(arrow, kind)) for name, kind in kinds.items()])
        with parquet.ParquetWriter(beside, schema, compression="zstd") as writer:
            for group in _read_groups(rows, size):
                count += len(group)
                columns = [_make_column(arrow, group, name, kind) for name, kind in kinds.items()]
                writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
        with beside.open("rb") as made:
            os.fsync(made.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        told = f"the output: {error.strerror or error}"
        raise AccessError(told, where=str(path), hint="make room, then the same command") from error
    except ValueError as error:  # msgspec.DecodeError is one
        told, hint = f"rows that were written: {error}", "begin again with --anew"
        raise DamagedError(told, where=str(rows), hint=hint) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return count


def find_kind(value: object) -> int:
    """What a value is, as one of the kinds that a column's are added up of; 0 for none at all."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int):
        return {True: _INT, False: _OTHER}[-_INT_MOST <= value < _INT_MOST]
    if isinstance(value, float):
        return _FLOAT
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, list) and value and all(type(one) in (int, float) for one in value):
        return _NUMBERS
    return _OTHER


def _find_kinds(rows: Path, size: int) -> dict[str, int]:
    """The columns in the order of their coming, and what each holds."""
    kinds: dict[str, int] = {}
    for row in _read(rows, size):
        for name, value in row.items():
            kinds[name] = kinds.get(name, 0) | find_kind(value)
    return kinds


def _choose_type(arrow: Any, kind: int) -> Any:
    """A column of one kind has its type, one of several is text: JSON of what is no text."""
    types = {
        _BOOL: arrow.bool_(),
        _INT: arrow.int64(),
        _FLOAT: arrow.float64(),
        _INT | _FLOAT: arrow.float64(),
        _NUMBERS: arrow.list_(arrow.float64()),
    }
    return types.get(kind, arrow.string())


def _make_column(arrow: Any, group: Sequence[dict[str, Any]], name: str, kind: int) -> Any:
    values = [row.get(name) for row in group]
    made = _choose_type(arrow, kind)
    if made == arrow.string():
        values = [_say(one) for one in values]
    elif kind == _INT | _FLOAT:
        values = [one and float(one) for one in values]
    return arrow.array(values, made)


def _say(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _read_groups(rows: Path, size: int) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in _read(rows, size):
        group.append(row)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group


def _read(rows: Path, size: int) -> Iterator[dict[str, Any]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with rows.open("rb") as file:
        left = size
        while left > 0 and (line := file.readline()):
            left -= len(line)
            yield decode(line)
