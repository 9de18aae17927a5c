"""Whatever is wrong with a stranger's JSON is one error, and half a character is none."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.plugins.codec import Unreadable
from keepwell.plugins.wire_json import BROKEN, compact, explain, read_body

decode = msgspec.json.Decoder().decode
SURROGATES = st.characters(categories=["Cs"])


@given(text=st.text(st.characters() | SURROGATES | st.sampled_from('\\u"d83'), max_size=12))
@settings(max_examples=150)
def test_lone_surrogates_become_the_replacement_character(text: str) -> None:
    # The standard library joins pairs and keeps lone ones; those have no bytes in UTF-8.
    kept = json.loads(json.dumps(text))
    expected = "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= one <= "\udfff" else one for one in kept)
    assert read_body(json.dumps(text).encode(), decode) == expected


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b'"\xff"', "not valid UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":"\\ud83d', "truncated"),
        (b'"\\ud83d" ' + b"[", "trailing"),
    ],
)
def test_what_is_wrong_is_told(body: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        read_body(body, decode)


@given(body=st.binary(max_size=30) | st.text('{}[]",:\\ud8319 ', max_size=20).map(str.encode))
@settings(max_examples=150)
def test_any_bytes(body: bytes) -> None:
    try:
        read_body(body, decode)
    except Unreadable as error:
        assert isinstance(error.__cause__, BROKEN)  # noqa: PT017
        assert str(error) == explain(error.__cause__)  # noqa: PT017


def test_compact() -> None:
    assert compact(b'{ "a" : [1.0, 2e5, "\\u003c x"] }') == '{"a":[1.0,2e5,"\\u003c x"]}'
    assert compact(msgspec.Raw(b" null ")) == "null"
    with pytest.raises(BROKEN):
        compact(b"{,}")
