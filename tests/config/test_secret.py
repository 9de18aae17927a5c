"""Secrets are read where the configuration points, and shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.config import EngineEntry, Secret, load_secret
from keepwell.config.secret import SECRET_BYTES
from keepwell.core.errors import ConfigurationError


def test_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("  file-key\n")
    assert load_secret(None, {}) == ""
    assert load_secret(Secret(env="K"), {"K": "env-key"}) == "env-key"
    assert load_secret(Secret(file=str(tmp_path / "key")), {}) == "file-key"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_bytes(b"x" * (SECRET_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for secret, said in (
        (Secret(env="NOT_SET"), "NOT_SET"),
        (Secret(file=str(tmp_path / "gone")), "gone"),
        (Secret(file=str(tmp_path / "empty")), "empty"),
        (Secret(file=str(tmp_path / "large")), "more than"),
        (Secret(file=str(tmp_path / "binary")), "not text"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            load_secret(secret, {})


def test_an_entry_shows_where_and_not_what() -> None:
    entry = EngineEntry(kind="k", url="http://h", api_key=Secret(env="KEY"))
    assert "Secret(env='KEY', file='')" in repr(entry)
