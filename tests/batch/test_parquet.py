"""A table of rows that were answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as some

from keepwell.batch.parquet import ROWS, write_parquet
from keepwell.core.errors import AccessError, DamagedError

VALUES = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(allow_nan=False, allow_infinity=False),
    some.text(some.characters(exclude_categories=["Cs"])),
    some.lists(some.floats(allow_nan=False, allow_infinity=False), max_size=3),
    some.dictionaries(some.sampled_from("ab"), some.integers(0, 9), max_size=2),
)


def write(folder: Path, rows: list[dict[str, Any]]) -> tuple[Path, int]:
    """The rows as lines, and how many bytes they have; behind them a torn one."""
    path = folder / "rows.jsonl"
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(lines + b'{"torn')
    return path, len(lines)


def test_columns_have_the_types_of_their_values(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"n": 1, "x": 1, "t": "a", "v": [1, 0.5], "y": True, "mixed": 1, "none": None},
        {"n": None, "x": 0.5, "t": "ü\n", "v": [2.0], "y": False, "mixed": "two", "late": {"a": [1, "b"]}},
    ]
    out = tmp_path / "out.parquet"
    assert write_parquet(*write(tmp_path, rows), out) == 2
    table = parquet.read_table(out)
    types = {one.name: str(one.type) for one in table.schema}
    assert types == {
        "n": "int64",
        "x": "double",
        "t": "string",
        "v": "list<element: double>",
        "y": "bool",
        "mixed": "string",
        "none": "string",
        "late": "string",
    }
    assert table.to_pylist() == [
        {**rows[0], "x": 1.0, "mixed": "1", "late": None},
        {**rows[1], "none": None, "late": '{"a":[1,"b"]}'},
    ]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.parquet", "rows.jsonl"]


@given(rows=some.lists(some.dictionaries(some.sampled_from("abc"), VALUES, max_size=3), max_size=5))
def test_any_rows_make_a_table(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    assert write_parquet(*write(folder, rows), folder / "out.parquet") == len(rows)
    found = parquet.read_table(folder / "out.parquet").to_pylist()
    names = {name for row in rows for name in row}
    for row, made in zip(rows, found, strict=bool(names)):
        assert {name for name, value in made.items() if value is None} == {
            name for name in names if row.get(name) is None
        }


def test_a_table_of_several_groups_replaces_another(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    out.write_bytes(b"older")
    rows = [{"n": number} for number in range(ROWS + 1)]
    write_parquet(*write(tmp_path, rows), out)
    assert parquet.ParquetFile(out).num_row_groups == 2
    assert parquet.read_table(out).to_pylist() == rows


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    rows, size = write(tmp_path, [{"a": 1}])
    with pytest.raises(AccessError, match="the output"):
        write_parquet(rows, size, tmp_path / "nowhere" / "out.parquet")
    out = tmp_path / "out.parquet"
    out.write_bytes(b"older")
    with pytest.raises(DamagedError, match="rows that were written"):
        write_parquet(rows, size + 3, out)
    assert out.read_bytes() == b"older"
