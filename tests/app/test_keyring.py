"""Keys as a person makes them: what is written counts, what is wrong is told with what is right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.operation import Caller
from keepwell.app.serving.key_words import apply_words, parse_expiry
from keepwell.app.serving.keyring import change_keys
from keepwell.core.errors import ConfigurationError
from keepwell.store.keys import Key, digest_secret, load_keys

NOW = 1_800_000_000.0


def test_every_word_is_a_field() -> None:
    words = ["priority=batch", "weight=2.5", "routes=llama*, qwen*", "per-minute=60", "tokens_per_minute=1000"]
    words += ["--tokens-per-day=5000", "at_once=4", "admin=yes", "expires=30d"]
    made = apply_words(Key(name="ada", digest="d"), words, NOW)
    assert made == Key(
        name="ada",
        digest="d",
        priority=2,
        weight=2.5,
        routes=("llama*", "qwen*"),
        per_minute=60,
        tokens_per_minute=1000,
        tokens_per_day=5000,
        at_once=4,
        admin=True,
        expires_at=NOW + 30 * 86400,
    )
    assert apply_words(made, ["routes=*", "admin=no", "expires=never"], NOW).routes == ()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        *(
            ("per_minut=3", "per_minute"),
            ("per_minute", "NAME=VALUE"),
            ("per_minute=-1", "whole"),
            ("weight=0", "0.001"),
        ),
        *(("priority=high", "interactive"), ("admin=maybe", "yes or no"), ("expires=1999-01-01", "to come")),
        *(("expires=soon", "30d"), ("weight=nan", "0.001"), ("digest=x", "no 'digest'"), ("per_minute=１", "whole")),
    ],
)
def test_what_is_wrong_is_told_with_what_is_right(word: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        apply_words(Key(name="ada", digest="d"), [word], NOW)
    assert told in f"{error.value} {error.value.hint}"


@given(st.text(max_size=30))
def test_any_word_is_a_key_or_told(word: str) -> None:
    try:
        made = apply_words(Key(name="ada", digest="d"), [word], NOW)
    except ConfigurationError:
        return
    assert (made.name, made.digest) == ("ada", "d")


def test_a_day_is_its_end() -> None:
    end = parse_expiry("2027-01-31", NOW)
    assert time.localtime(end)[:5] == (2027, 2, 1, 0, 0)


def test_a_key_from_its_making_to_its_end(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    made = change_keys(caller, "new", "ada", ["per_minute=5"])
    assert load_keys(tmp_path)[0].digest == digest_secret(made.secret)
    changed = change_keys(caller, "set", "ada", ["at_once=2"])
    assert (changed.keys[0].per_minute, changed.keys[0].at_once, changed.secret) == (5, 2, "")
    assert load_keys(tmp_path)[0].digest == digest_secret(made.secret)
    assert made.secret not in repr(change_keys(caller, "list", "", ()))
    with pytest.raises(ConfigurationError):
        change_keys(caller, "set", "bob", ["at_once=2"])
    assert change_keys(caller, "revoke", "ada", ()).keys == ()
    with pytest.raises(ConfigurationError):
        change_keys(caller, "shred", "ada", ())
