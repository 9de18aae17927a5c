"""Clients' keys: what each may do, and the digest of its secret; the secret itself is shown once and kept nowhere."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.errors import ConfigurationError, DamagedError
from keepwell.store.folder import read_private, replace_private

FILE_NAME = "keys.json"
#: How a secret begins, so that a scanner for leaked secrets can know it.
PREFIX = "kw-"
#: Random bytes of a secret: it cannot be guessed, so a fast digest is enough.
SECRET_BYTES = 32
#: Bytes of the file.
KEYS_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A client's key: its name, the SHA-256 of the secret (hex), and what it may do.

    `priority` is 0 interactive, 1 normal, 2 batch; `weight` its share of a full queue. `routes` are patterns of routes'
    names (`llama*`), () means all. `per_minute` requests, `tokens_per_minute`, `tokens_per_day` (of this machine's
    local day) and requests `at_once`: 0 means no limit. `admin` may change engines. `propose` may ask for changes that
    a person approves. `expires_at` is in seconds since the epoch, 0 for never.
    """

    name: str
    digest: str
    made_at: float = 0.0
    priority: int = 1
    weight: float = 1.0
    routes: tuple[str, ...] = ()
    per_minute: int = 0
    tokens_per_minute: int = 0
    at_once: int = 0
    tokens_per_day: int = 0
    admin: bool = False
    propose: bool = False
    expires_at: float = 0.0

    @property
    def limited(self) -> bool:
        """True if its requests must be counted."""
        return bool(self.per_minute or self.tokens_per_minute or self.tokens_per_day or self.at_once)


def make_secret() -> str:
    """A new one."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def digest_secret(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def load_keys(state: Path) -> tuple[Key, ...]:
    """All keys; () if there are none. Raises DamagedError."""
    path = state / FILE_NAME
    try:
        return msgspec.json.decode(read_private(path, KEYS_BYTES), type=tuple[Key, ...])
    except FileNotFoundError:
        return ()
    except ValueError as error:  # also what msgspec raises
        raise DamagedError(f"this is no list of keys that can be used: {error}", where=str(path)) from error


def add_key(state: Path, key: Key) -> None:
    """Keep one more. Raises ConfigurationError if the name is taken."""
    known = load_keys(state)
    if any(one.name == key.name for one in known):
        raise ConfigurationError(f"there is a key {key.name!r} already", hint=f"keepwell key revoke {key.name}")
    _save(state, (*known, key))


def replace_key(state: Path, key: Key) -> None:
    """Put this in the place of the one with its name. Raises ConfigurationError if there is none."""
    known = load_keys(state)
    get_key(known, key.name)
    _save(state, tuple({**{one.name: one for one in known}, key.name: key}.values()))


def get_key(keys: tuple[Key, ...], name: str) -> Key:
    """The key with this name. Raises ConfigurationError if there is none."""
    for one in keys:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in keys) or "none"
    raise ConfigurationError(f"there is no key {name!r}", hint=f"there are: {names}")


def remove_key(state: Path, name: str) -> None:
    """Take it away. Raises ConfigurationError if there is none."""
    known = load_keys(state)
    get_key(known, name)
    _save(state, tuple(one for one in known if one.name != name))


def _save(state: Path, keys: tuple[Key, ...]) -> None:
    replace_private(state / FILE_NAME, msgspec.json.encode(keys))
