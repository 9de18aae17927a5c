"""What `re` finds in a line is nominated, and Hyperscan spares `re` most of the others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.scan.lines import EveryPattern, HyperscanLines, make_line_matcher
from keepwell.scan.pattern import matches_line

PATTERNS = (
    r"\bv\d+\.\d+",
    r"^\W*(up|on)\W*$",
    r"\b(8[4-9]|9\d|10\d) ?°?C\b",
    r"[^\x00-\x7f]",
    r"[A-Z]:[\\/]+.{0,9}é",
    r"a{,3}[!?]",
    r"\d{3}(\s|$)",
    r"\B_\b",
    "é+|[^a-z]7",
)
LINES = st.lists(
    st.sampled_from(
        ["v1.2", "V10.", " ", "on", "UP", "- ", "91 C", "90°C", "C:\\", "é", "É", "aa!", "?", "503", "_", "x_", "7",
         "Mar  1 10:00:00 box app[7]: ", "\t", "ü"]
    ),
    max_size=8,
).map(lambda parts: "".join(parts).encode())  # fmt: skip


@given(LINES)
@settings(max_examples=300, deadline=None)
def test_what_re_finds_is_nominated(line: bytes) -> None:
    nominated = set(HyperscanLines(PATTERNS).nominate(line))
    assert nominated >= {number for number, one in enumerate(PATTERNS) if matches_line(one, line)}


def test_what_is_not_there_is_not_nominated() -> None:
    assert set(HyperscanLines(PATTERNS).nominate(b"an ordinary line")) == set()


def test_a_pattern_beyond_hyperscan_makes_all_candidates() -> None:
    patterns = (r"\w{40000}", r"\d")
    assert set(HyperscanLines(patterns).nominate(b"no digit")) == {0, 1}


@pytest.mark.parametrize("matcher", ["aho-corasick", "find"])
def test_without_hyperscan_all_are_candidates(matcher: str) -> None:
    lines = make_line_matcher(PATTERNS, matcher)
    assert isinstance(lines, EveryPattern)
    assert list(lines.nominate(b"")) == list(range(len(PATTERNS)))


def test_no_patterns() -> None:
    assert not list(HyperscanLines([]).nominate(b"a line"))
