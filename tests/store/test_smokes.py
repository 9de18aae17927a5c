"""Smoke tests on disk: whole or not at all, a bounded number, damage told by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.store.smokes import (
    FOLDER_NAME,
    KEPT,
    KeptSmoke,
    SmokeRow,
    list_ids,
    load_smoke,
    parse_smoke,
    render_smoke,
    save_smoke,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROW = st.builds(
    SmokeRow, check=TEXT, subject=TEXT, status=TEXT, message=TEXT, seconds=st.floats(0, 9), kind=TEXT, case=TEXT
)
SMOKE = st.builds(KeptSmoke, id=TEXT, at=st.floats(0, 1e9), seconds=st.floats(0, 9), rows=st.tuples(ROW, ROW))


@given(SMOKE)
@settings(max_examples=25)
def test_what_is_kept_comes_back(smoke: KeptSmoke) -> None:
    assert parse_smoke(render_smoke(smoke)) == smoke


@given(st.binary(max_size=60))
@settings(max_examples=30)
def test_bytes_that_are_no_test_are_told(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_smoke(content)


def test_the_oldest_are_dropped(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        dropped = save_smoke(tmp_path, KeptSmoke(id=f"{number:05d}", at=float(number), seconds=1.0))
    assert dropped == ("00002",)
    assert (len(list_ids(tmp_path)), list_ids(tmp_path)[0]) == (KEPT, "00003")
    assert load_smoke(tmp_path, "00003").at == 3.0


def test_what_is_not_there_or_damaged_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        load_smoke(tmp_path, "none")
    with pytest.raises(RefusedError):
        load_smoke(tmp_path, "../other")
    save_smoke(tmp_path, KeptSmoke(id="one", at=1.0, seconds=1.0))
    path = tmp_path / FOLDER_NAME / "one.json"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedError):
        load_smoke(tmp_path, "one")
