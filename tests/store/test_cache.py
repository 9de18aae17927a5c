"""What is kept on disk: damage, other users' files and no room are all the same as nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepwell.store.cache import KEPT_FILES, cache_folder, digest_of, load_cached, save_cached


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "keepwell"


def test_what_is_saved_is_loaded(folder: Path) -> None:
    assert load_cached("kind", "key") == b""
    save_cached("kind", "key", b"content")
    assert load_cached("kind", "key") == b"content"
    assert (folder / "kind-key.bin").stat().st_mode & 0o077 == 0
    assert list(folder.glob(".*")) == []


@pytest.mark.parametrize("damage", [b"", b"x" * 10, b"x" * 50])
def test_damage_is_nothing(folder: Path, damage: bytes) -> None:
    save_cached("kind", "key", b"content")
    (folder / "kind-key.bin").write_bytes(damage)
    assert load_cached("kind", "key") == b""


def test_a_flipped_bit_is_nothing(folder: Path) -> None:
    save_cached("kind", "key", b"content")
    path = folder / "kind-key.bin"
    stored = bytearray(path.read_bytes())
    stored[-1] ^= 1
    path.write_bytes(stored)
    assert load_cached("kind", "key") == b""


def test_no_room_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    save_cached("kind", "key", b"content")
    assert load_cached("kind", "key") == b""


def test_old_files_go(folder: Path) -> None:
    for number in range(KEPT_FILES + 3):
        save_cached("kind", str(number), b"x")
        os.utime(folder / f"kind-{number}.bin", (number, number))
    save_cached("kind", "newest", b"x")
    assert len(list(folder.glob("kind-*.bin"))) == KEPT_FILES
    assert load_cached("kind", "newest") == b"x"


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/.cache/keepwell")


def test_a_digest_tells_parts_apart(tmp_path: Path) -> None:
    assert digest_of([b"ab", b"c"]) != digest_of([b"a", b"bc"])
    code = tmp_path / "code"
    code.write_text("one")
    first = digest_of([b"x"], [code])
    code.write_text("two")
    assert digest_of([b"x"], [code]) != first
