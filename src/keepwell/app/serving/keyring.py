"""Keys of the gateway's clients: made, changed, revoked, listed. A secret is told once, when it is made."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.serving.key_words import apply_words
from keepwell.app.wiring import find_state
from keepwell.core.errors import ConfigurationError
from keepwell.gateway.settings import SETTINGS_FILE
from keepwell.store.keys import (
    Key,
    add_key,
    digest_secret,
    get_key,
    load_keys,
    make_secret,
    remove_key,
    replace_key,
)
from keepwell.store.requests import RECORD_FILE, load_spent

#: Characters of a digest that are shown.
SHOWN = 12
#: Characters of a key's name.
NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """One key as it is shown: never its secret, and of its digest only the beginning.

    `tokens_today` is what it used since local midnight. `expires_at` 0 is never.
    """

    name: str
    digest: str
    made_at: float
    priority: int
    weight: float
    routes: tuple[str, ...]
    per_minute: int
    tokens_per_minute: int
    tokens_per_day: int
    tokens_today: int
    at_once: int
    admin: bool
    propose: bool
    expires_at: float
    expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysReport:
    """The answer of `key`: all keys; `secret` is that of the new one, this one time."""

    keys: tuple[KeyLine, ...]
    secret: str = ""
    done: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.keys/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def change_keys(caller: Caller, action: str, name: str, words: Iterable[str]) -> KeysReport:
    """Do one of `list`, `new`, `set`, `revoke`. Raises ConfigurationError."""
    state, now = find_state(caller), time.time()
    if action not in _ACTIONS:
        raise ConfigurationError(f"{action!r} is nothing that can be done", hint=f"write {', '.join(_ACTIONS)}")
    if action != "list" and not name:
        raise ConfigurationError("the key needs a name", hint=f"keepwell key {action} NAME")
    return _ACTIONS[action](state, name, tuple(words), now)


def _list(state: Path, name: str, words: tuple[str, ...], now: float) -> KeysReport:
    return _report(state, now)


def _new(state: Path, name: str, words: tuple[str, ...], now: float) -> KeysReport:
    if len(name) > NAME_CHARACTERS or not name.isprintable():
        raise ConfigurationError(f"a key's name has at most {NAME_CHARACTERS} characters that can be printed")
    secret = make_secret()
    add_key(state, apply_words(Key(name=name, digest=digest_secret(secret), made_at=now), words, now))
    return _report(state, now, secret=secret, done=f"made {name}")


def _set(state: Path, name: str, words: tuple[str, ...], now: float) -> KeysReport:
    known = get_key(load_keys(state), name)
    changed = apply_words(known, words, now)
    if changed == known:
        return _report(state, now, done=f"{name} is as it was")
    replace_key(state, replace(changed, name=name))
    return _report(state, now, done=f"changed {name}")


def _revoke(state: Path, name: str, words: tuple[str, ...], now: float) -> KeysReport:
    remove_key(state, name)
    done = f"revoked {name}"
    if (state / SETTINGS_FILE).exists():
        done += "; a running gateway refuses it within a second"
    return _report(state, now, done=done)


_ACTIONS = {"list": _list, "new": _new, "set": _set, "revoke": _revoke}


def _report(state: Path, now: float, *, secret: str = "", done: str = "") -> KeysReport:
    spent = load_spent(state / RECORD_FILE, now)
    lines = tuple(
        KeyLine(
            name=one.name,
            digest=one.digest[:SHOWN],
            made_at=one.made_at,
            priority=one.priority,
            weight=one.weight,
            routes=one.routes,
            per_minute=one.per_minute,
            tokens_per_minute=one.tokens_per_minute,
            tokens_per_day=one.tokens_per_day,
            tokens_today=spent.get(one.name, 0),
            at_once=one.at_once,
            admin=one.admin,
            propose=one.propose,
            expires_at=one.expires_at,
            expired=bool(one.expires_at) and one.expires_at <= now,
        )
        for one in load_keys(state)
    )
    return KeysReport(keys=lines, secret=secret, done=done)
