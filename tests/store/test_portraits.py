"""What nodes had is kept look by look, bounded, and found again by its time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, DamagedError
from keepwell.store import portraits
from keepwell.store.portraits import find_portrait, keep_portrait, load_portraits, parse_portraits

THINGS = {"file /a": {"mode": "0644"}}
OTHER = {"file /a": {"mode": "0600"}}


def test_a_look_is_kept_and_an_equal_one_moves_its_end(tmp_path: Path) -> None:
    assert load_portraits(tmp_path, "n/1") == ()
    keep_portrait(tmp_path, "n/1", THINGS, 1000.0)
    keep_portrait(tmp_path, "n/1", THINGS, 1100.0)  # soon after: not written down again
    keep_portrait(tmp_path, "n/1", THINGS, 5000.0)
    keep_portrait(tmp_path, "n/1", OTHER, 6000.0)
    first, second = load_portraits(tmp_path, "n/1")
    assert (first.since, first.until, first.things) == (1000.0, 5000.0, THINGS)
    assert (second.since, second.until, second.things) == (6000.0, 6000.0, OTHER)
    assert [path.parent for path in tmp_path.rglob("*.json")] == [tmp_path / "portraits"]


def test_the_newest_before_a_time_is_found(tmp_path: Path) -> None:
    keep_portrait(tmp_path, "n", THINGS, 1000.0)
    keep_portrait(tmp_path, "n", OTHER, 2000.0)
    kept = load_portraits(tmp_path, "n")
    found = [find_portrait(kept, at) for at in (999.0, 1000.0, 1999.0, 2000.0, 9000.0)]
    assert [one and one.since for one in found] == [None, 1000.0, 1000.0, 2000.0, 2000.0]


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    for number in range(portraits.PORTRAITS + 5):
        keep_portrait(tmp_path, "n", {"a": {"b": str(number)}}, float(number))
    assert len(load_portraits(tmp_path, "n")) == portraits.PORTRAITS
    large = {"a": {"b": "x" * (portraits.FILE_BYTES // 2)}}
    keep_portrait(tmp_path, "n", large, 10_000.0)
    keep_portrait(tmp_path, "n", {"a": {"b": "y" * (portraits.FILE_BYTES // 2)}}, 10_001.0)
    assert len(load_portraits(tmp_path, "n")) == 1
    keep_portrait(tmp_path, "n", {"a": {"b": "z" * portraits.FILE_BYTES}}, 10_002.0)
    assert load_portraits(tmp_path, "n") == ()


def test_a_damaged_file_is_told_and_begun_anew(tmp_path: Path) -> None:
    keep_portrait(tmp_path, "n", THINGS, 1.0)
    (path,) = (tmp_path / "portraits").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DamagedError, match="move the file away"):
        load_portraits(tmp_path, "n")
    keep_portrait(tmp_path, "n", OTHER, 2.0)
    assert [one.things for one in load_portraits(tmp_path, "n")] == [OTHER]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "portraits").write_text("a file")
    with pytest.raises(AccessError):
        keep_portrait(tmp_path, "n", THINGS, 1.0)


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse_portraits(content)
    except ValueError:
        return
