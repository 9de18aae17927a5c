"""Baselines of benchmarks on disk: what goes in comes out, one a key, damage is set aside and told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.store.bench_baselines import (
    FILE_NAME,
    RESULTS,
    KeptBench,
    KeptVerdict,
    change_bench_baselines,
    load_bench_baselines,
    parse_bench_baselines,
    put_baseline,
    render_bench_baselines,
)
from keepwell.store.benchmarks import FOLDER_NAME

texts = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3)
verdicts = st.none() | st.builds(
    KeptVerdict, id=st.text(max_size=4), at=st.floats(0, 4e9), word=st.just("same"), message=st.text(max_size=9)
)
rows = st.builds(KeptBench, key=texts, ids=st.tuples(st.text(max_size=4)), at=st.floats(0, 4e9), last=verdicts)


@settings(max_examples=40)
@given(st.lists(rows, max_size=3).map(tuple))
def test_what_goes_in_comes_out(found: tuple[KeptBench, ...]) -> None:
    assert parse_bench_baselines(render_bench_baselines(found)) == found


def _one(model: str, *ids: str, at: float = 1.0) -> KeptBench:
    return KeptBench(key={"model": model}, ids=ids, at=at)


def test_there_is_one_of_a_key_and_its_results_are_pinned(tmp_path: Path) -> None:
    assert load_bench_baselines(tmp_path).baselines == ()
    for one in (_one("a", "1"), _one("b", "2"), _one("a", "1", "3", at=2.0)):
        change_bench_baselines(tmp_path, lambda known, one=one: put_baseline(known, one))
    found = load_bench_baselines(tmp_path)
    assert found.pinned == {"1", "2", "3"}
    assert found.find({"model": "a"}) == _one("a", "1", "3", at=2.0)
    assert found.find({"model": "c"}) is None
    assert (tmp_path / FOLDER_NAME / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_of_too_many_results_the_newest_stay() -> None:
    ids = [str(number) for number in range(RESULTS + 5)]
    (made,) = put_baseline((), _one("a", *ids))
    assert made.ids == tuple(ids[5:])


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema":"x","baselines":[]}', b"[" * 100_000, b"\xff"])
def test_damage_is_told_and_set_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FOLDER_NAME / FILE_NAME
    path.parent.mkdir()
    path.write_bytes(content)
    assert "damaged" in load_bench_baselines(tmp_path).problem
    change_bench_baselines(tmp_path, lambda known: put_baseline(known, _one("a", "1")))
    assert load_bench_baselines(tmp_path).pinned == {"1"}
    assert path.with_name(f"{FILE_NAME}.damaged").read_bytes() == content
