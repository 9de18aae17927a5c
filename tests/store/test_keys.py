"""Keys: nothing of a secret is kept, names are told apart, damage is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.core.errors import ConfigurationError, DamagedError
from keepwell.store.keys import FILE_NAME, Key, add_key, digest_secret, load_keys, make_secret, remove_key


def test_only_the_digest_is_kept(tmp_path: Path) -> None:
    secret = make_secret()
    add_key(tmp_path, Key(name="ada", digest=digest_secret(secret)))
    content = (tmp_path / FILE_NAME).read_bytes()
    assert secret.encode() not in content
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert load_keys(tmp_path)[0].digest == digest_secret(secret)
    assert make_secret() != secret


def test_a_name_is_taken_once_and_removed_once(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest="1"))
    with pytest.raises(ConfigurationError, match="already"):
        add_key(tmp_path, Key(name="ada", digest="2"))
    remove_key(tmp_path, "ada")
    assert load_keys(tmp_path) == ()
    with pytest.raises(ConfigurationError, match="no key"):
        remove_key(tmp_path, "ada")


@pytest.mark.parametrize("content", [b"", b"[", b'[{"name": 1}]', b"\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(DamagedError) as error:
        load_keys(tmp_path)
    assert error.value.where == str(path)
