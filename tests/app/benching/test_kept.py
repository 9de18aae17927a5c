"""Results as they are kept come back as they were; what a person names finds them."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.benching.csv_file import render_csv, write_csv
from keepwell.app.benching.kept import find_kept, keep, load_results, parse_kept, render_kept
from keepwell.bench.load import Load
from keepwell.bench.result import Client, Result, Row, TokenSource
from keepwell.core.errors import AccessError, ConfigurationError, DamagedError
from keepwell.store.benchmarks import parse_benchmark, render_benchmark
from tests.bench.made import make_result, make_row

NUMBERS = st.floats(0, 1e6)
LOADS = st.builds(
    Load,
    shape=st.sampled_from(["concurrent", "constant", "poisson", "ramp", "replay"]),
    clients=st.integers(0, 4096),
    rate=NUMBERS,
    rate_to=NUMBERS,
    seconds=NUMBERS,
    requests=st.integers(0, 10**7),
    warm=st.integers(0, 100),
    seed=st.integers(0, 2**31),
)


@given(
    LOADS,
    st.lists(st.builds(make_row, st.floats(0, 100), tokens=st.integers(1, 50), outcome=st.integers(0, 10)), max_size=8),
    st.sampled_from(["", "usage", "pieces", "mixed"]),
    st.booleans(),
    st.dictionaries(st.text(max_size=5), st.integers(1, 9), max_size=3),
)
@settings(max_examples=20)
def test_a_result_comes_back_as_it_was(
    load: Load, rows: list[Row], source: TokenSource, stopped: bool, errors: dict[str, int]
) -> None:
    """Through the bytes of the file; a number that was not known is not known again."""
    made = make_result(rows, load=load, itl=[0.005, 0.25], meanwhile={"energy_joules": 2.5})
    made = replace(made, token_source=source, stopped=stopped, errors=errors, client=Client(send_lag_p99=0.5))
    kept = parse_benchmark(render_benchmark(render_kept(made, {"requests": 3.0}, "group")))
    again = parse_kept(kept)
    assert _plain(again) == _plain(made)
    assert [list(map(repr, row)) for row in again.rows] == [list(map(repr, row)) for row in made.rows]
    assert (kept.head.group, kept.head.figures) == ("group", {"requests": 3.0})


def test_names_find_results(tmp_path: Path) -> None:
    """An id, a group in the order of time, the newest where nothing is said."""
    for number, (name, group) in enumerate([("a", ""), ("g.02", "g"), ("g.01", "g")]):
        made = replace(make_result([make_row()]), id=name, created_at=100.0 - number * (number > 1))
        keep(tmp_path, made, {}, group)
    assert [one.id for one in find_kept(tmp_path, "a")] == ["a"]
    assert [one.id for one in find_kept(tmp_path, "g")] == ["g.01", "g.02"]
    assert [one.id for one in load_results(tmp_path, find_kept(tmp_path, "g"))] == ["g.01", "g.02"]
    assert len(find_kept(tmp_path, "last")) == 1
    with pytest.raises(ConfigurationError, match="no benchmark 'b'"):
        find_kept(tmp_path, "b")
    with pytest.raises(ConfigurationError):
        find_kept(tmp_path / "empty", "")


def test_columns_that_are_missing_are_damage() -> None:
    """Not a shorter result."""
    kept = render_kept(make_result([make_row(), make_row()]), {})
    columns = {**kept.columns, "first": array("d", [1.0])}
    with pytest.raises(DamagedError, match="no whole column 'first'"):
        parse_kept(replace(kept, columns=columns))


def test_a_table_has_a_row_a_request(tmp_path: Path) -> None:
    """In words for how it ended, empty where there is no number; a folder that is not there is an error."""
    head, row, *_ = render_csv([make_result([make_row(outcome=4)._replace(first=float("nan"))])]).splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    assert (cells["result"], cells["load"], cells["outcome"], cells["first"]) == ("bench-made", "2", "timeout", "")
    with pytest.raises(AccessError, match="the table cannot be written"):
        write_csv(tmp_path / "not there" / "rows.csv", [])


def _plain(result: Result) -> tuple[object, ...]:
    return (
        result.id,
        result.created_at,
        result.aim,
        result.load,
        result.seconds,
        list(result.itl),
        repr(result.client),
        dict(result.meanwhile),
        dict(result.errors),
        result.workload,
        result.token_source,
        result.stopped,
    )
