"""Standard input that is read again and again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from keepwell.batch.spooling import spool
from keepwell.core.errors import AccessError, ConfigurationError, TooLarge


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    first = spool(io.BytesIO(b"a\nb\n"), tmp_path / "job", ".jsonl")
    assert spool(io.BytesIO(b"a\nb\n"), tmp_path / "job", ".jsonl") == first
    other = spool(io.BytesIO(b"a\n"), tmp_path / "job", ".csv")
    assert (first.read_bytes(), other.suffix, first.stat().st_mode & 0o777) == (b"a\nb\n", ".csv", 0o600)
    assert sorted(tmp_path.joinpath("job").iterdir()) == sorted([first, other])


def test_what_cannot_be_kept_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        spool(io.BytesIO(b"abc"), tmp_path / "job", ".jsonl", most=2)
    with pytest.raises(ConfigurationError, match="nothing came"):
        spool(io.BytesIO(b""), tmp_path / "job", ".jsonl")
    assert list((tmp_path / "job").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError):
        spool(io.BytesIO(b"a"), tmp_path / "file", ".jsonl")
