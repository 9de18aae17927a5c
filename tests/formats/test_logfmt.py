"""logfmt lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.logfmt import parse_logfmt, unquote


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ('time=1 msg="two words" n=3', {"time": "1", "msg": "two words", "n": "3"}),
        (r'msg="a \"b\" \\ \t \x1b \u00e4"', {"msg": 'a "b" \\ \t \x1b ä'}),
        ("layers.model=3 layers.model=4", {"layers.model": "3"}),
        ("a= b=1", {"a": "", "b": "1"}),
        ('!BADKEY=loadModel msg="%s: x"', {"!BADKEY": "loadModel", "msg": "%s: x"}),
        ("no pairs here", {}),
    ],
)
def test_lines(line: str, pairs: dict[str, str]) -> None:
    assert parse_logfmt(line) == pairs


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_what_is_quoted_is_read(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert unquote(quoted) == text
    assert parse_logfmt(f'before=1 msg="{quoted}" after=2').get("msg") == text


@settings(max_examples=100)
@given(st.text())
def test_garbage(text: str) -> None:
    parse_logfmt(text)
    unquote(text)
