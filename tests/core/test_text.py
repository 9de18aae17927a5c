"""Text from outside is shown on one line and drives no terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.text import cut_text, escape_controls

any_text = st.text(st.characters(exclude_categories=()), max_size=30)


@given(any_text)
@settings(max_examples=150)
def test_nothing_that_drives_a_terminal_is_left(text: str) -> None:
    shown = escape_controls(text)
    assert shown == shown.replace("\n", "").replace("\x1b", "").replace("\u202e", "")
    assert all(one == "\t" or not (ord(one) < 32 or 127 <= ord(one) < 160) for one in shown)
    shown.encode("utf-8")
    assert escape_controls(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, tab\tand ünï中", "plain, tab\tand ünï中"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb", "a\\r\\nb"),
        ("\u202eevil\u2028", "\\u202eevil\\u2028"),
        ("\udcff\x85", "\\udcff\\x85"),
    ],
)
def test_it_is_written_out(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


@given(any_text, st.integers(1, 40))
def test_cut_says_what_is_left_out(text: str, limit: int) -> None:
    cut = cut_text(text, limit)
    assert cut.startswith(text[:limit])
    assert (cut == text) == (len(text) <= limit)
