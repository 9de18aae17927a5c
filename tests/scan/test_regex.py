"""The reader of the subset agrees with Python's `re`, and says what lies outside."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.scan.pattern import check_pattern, find_texts
from keepwell.scan.regex import ENDLESS, Atom, Group, Item, parse_regex

ATOMS = st.sampled_from(
    ["a", "B", "ab c", "é", r"\.", r"\d", r"\s", r"\S", ".", "[a-c]", "[^x]", r"\bz", "7", "-", r"\x22"]
)
REPEATS = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{1,3}", "{0,2}"])


@st.composite
def patterns(draw: st.DrawFn, depth: int = 2) -> str:
    """A pattern of the subset."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        if depth and draw(st.integers(0, 3)) == 0:
            branches = [draw(patterns(depth - 1)) for _ in range(draw(st.integers(1, 3)))]
            parts.append(f"({'|'.join(branches)}){draw(REPEATS)}")
        else:
            atom = draw(ATOMS)
            repeat = draw(REPEATS)
            parts.append(atom + ("" if atom.startswith(r"\b") else repeat))
    return "".join(parts)


LINES = st.text(alphabet='abBcxzé7-. "', max_size=14).map(lambda text: text.encode())


@given(patterns(), LINES)
@settings(max_examples=300, deadline=None)
def test_a_line_that_matches_holds_a_text_of_every_set(pattern: str, line: bytes) -> None:
    sets = find_texts(pattern)
    encoded = re.sub(r"[^\x00-\x7f]", r"(?:\g<0>)", pattern).encode()
    if re.compile(encoded, re.IGNORECASE).search(line):
        lower = line.lower()
        for texts in sets:
            assert any(text.encode() in lower for text in texts), (pattern, line, texts)


def test_the_tree_of_a_pattern() -> None:
    tree = parse_regex(r"ab?|(c)+\d{2,}")
    a, b = tree.branches[0]
    assert (a.what, a.low, a.high) == (Atom("a", "char", "a"), 1, 1)
    assert (b.low, b.high) == (0, 1)
    group, digits = tree.branches[1]
    assert isinstance(group.what, Group)
    assert group.what.branches == ((Item(Atom("c", "char", "c")),),)
    assert group.high == ENDLESS
    assert (digits.low, digits.high) == (2, ENDLESS)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)b", "(?<!a)b", r"(a)\1", "(?i)a", "(?P<n>a)", r"\Aa", r"a\Z", r"\p{L}", "a++", "[é]", "(a", "a)", "[a",
        "[[a]", "*a", r"^*a", r"\x2", "a" * 2000, r"\d*", "a|", "^",
    ],
)  # fmt: skip
def test_what_lies_outside_is_told(pattern: str) -> None:
    assert check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"a.{0,40}b", r"\bCUDA\b", r"x[^\"]+y", "é+", r"^\W*Error", r"a{,3}b", r"\x27q", "{a}b"]
)
def test_what_lies_inside_is_taken(pattern: str) -> None:
    assert check_pattern(pattern) == ""


def test_texts_of_both_sides_of_a_gap() -> None:
    assert find_texts(r"(mkdir|open) /.{0,80}permission denied") == [
        frozenset({"mkdir", "open"}),
        frozenset({" /"}),
        frozenset({"permission denied"}),
    ]


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_garbage_never_raises(pattern: str) -> None:
    assert isinstance(check_pattern(pattern), str)
