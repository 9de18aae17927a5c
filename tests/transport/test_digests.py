"""Digests of files: the same as the tools of others tell, and none of what is no file."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, NotPermitted, NotThere
from keepwell.transport.digests import PIECE_BYTES, digest_file


def nobody(count: int) -> None:
    """Hears nothing."""


@settings(max_examples=30)
@given(st.binary(max_size=3000), st.integers(0, 2))
def test_the_digest_is_that_of_the_bytes(content: bytes, pieces: int) -> None:
    content += bytes(PIECE_BYTES * pieces)
    told: list[int] = []
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        assert digest_file(file.name, "sha256", Event(), told.append) == hashlib.sha256(content).hexdigest()
    assert sum(told) == len(content)


def test_git_tells_the_same_of_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b'{"a": 1}\r\n')
    argv = ["git", "hash-object", "--no-filters", str(path)]
    told = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip()
    assert digest_file(str(path), "git-sha1", Event(), nobody) == told


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotPermitted):
        digest_file(str(tmp_path / "pipe"), "sha256", Event(), nobody)
    with pytest.raises(AccessError):
        digest_file(str(tmp_path), "sha256", Event(), nobody)
    with pytest.raises(NotThere):
        digest_file(str(tmp_path / "none"), "sha256", Event(), nobody)


def test_it_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3 * PIECE_BYTES))
    stop, told = Event(), []

    def hear(count: int) -> None:
        told.append(count)
        stop.set()

    with pytest.raises(AccessError, match="nobody waits"):
        digest_file(str(tmp_path / "large"), "sha256", stop, hear)
    assert told == [PIECE_BYTES]
