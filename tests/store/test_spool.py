"""Messages that wait: in order, bounded, and there again after an end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError
from keepwell.store.spool import MESSAGE_BYTES, Spool


def drained(spool: Spool) -> list[bytes]:
    found = []
    while (one := spool.first()) is not None:
        found.append(one)
        spool.drop()
    return found


def test_order_and_end(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    assert spool.first() is None
    for one in (b"a", b"bb", b"ccc"):
        spool.add(one)
    assert (len(spool), spool.size_bytes) == (3, 6)
    again = Spool(tmp_path / "s")
    assert (len(again), again.size_bytes) == (3, 6)
    again.drop()
    again.add(b"d")
    assert drained(Spool(tmp_path / "s")) == [b"bb", b"ccc", b"d"]


def test_the_oldest_make_room_and_are_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=10)
    for number in range(8):
        spool.add(b"%d" % number * 3)
    assert spool.lost == 5
    assert drained(spool) == [b"555", b"666", b"777"]


def test_what_is_too_large_is_lost_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=10)
    spool.add(b"abc")
    with pytest.raises(AccessError, match="too large"):
        spool.add(b"x" * 11)
    assert (spool.lost, drained(spool)) == (1, [b"abc"])
    assert MESSAGE_BYTES > 1_000_000


def test_a_file_that_is_gone_or_not_ours_is_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for one in (b"a", b"b", b"c"):
        spool.add(one)
    first, second, _ = sorted(tmp_path.iterdir())
    first.unlink()
    second.chmod(0o666)
    assert drained(spool) == [b"c"]
    assert spool.lost == 2


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "s")
    with pytest.raises(AccessError):
        spool.add(b"a")
    assert spool.lost == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=20), st.none()), max_size=20))
def test_it_is_a_queue(tmp_path_factory: pytest.TempPathFactory, steps: list[bytes | None]) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool, wished = Spool(folder), []
    for one in steps:
        if one is not None:
            spool.add(one)
            wished.append(one)
        elif wished:
            assert spool.first() == wished.pop(0)
            spool.drop()
    assert drained(Spool(folder)) == wished
