"""The view has the length and lines of the text; comments are blank in it, strings are not."""

from __future__ import annotations

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.audit.tongue import Tongue
from keepwell.audit.view import render_view

_PIECES = [*"ab \n\r\t\"'`#/*\\!<>-;:=,[]{}", '"""', "'''", '"source": [', '"cell_type": "code"']
TEXT = st.lists(st.sampled_from(_PIECES), max_size=40).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(get_args(Tongue)), TEXT)
def test_every_place_stays_where_it_is(tongue: Tongue, text: str) -> None:
    view = render_view(text, tongue)
    assert len(view) == len(text)
    assert [len(one) for one in view.split("\n")] == [len(one) for one in text.split("\n")]
    assert all(new in (old, " ", '"', "\\") for old, new in zip(text, view, strict=True))


def test_comments_are_blank_and_strings_are_not() -> None:
    assert render_view('a = "http://x#y"  # z\n', "python") == 'a = "http://x#y"     \n'
    assert render_view('f("""a""")\n"""b"""\n', "python") == 'f("""a""")\n       \n'
    assert render_view("u = 'http://x'; // c\n/* d\n e */ f", "javascript") == "u = 'http://x';     \n    \n      f"
    assert render_view("A=b#c # d\n", "script") == "A=b#c    \n"
    assert render_view("; a\nb = c\n", "data") == "   \nb = c\n"
    assert render_view("<!-- a --><b>", "plain") == "          <b>"
