"""Small alternatives become longer texts, and a line that matches still holds one of every set."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from keepwell.scan.pattern import compile_pattern
from keepwell.scan.signature import make_signature
from keepwell.scan.spelling import SPELLED, get_price, spell_out
from tests.scan.test_regex import LINES, patterns


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("(was|got) killed", {"was killed", "got killed"}),
        ("/dev/(kfd|dri)", {"/dev/kfd", "/dev/dri"}),
        ("[Ss]ysmem fallback", {"sysmem fallback"}),
        ("licen[sc]e", {"license", "licence"}),
        (r"yaml: (line \d+|mapping)", {"yaml: line ", "yaml: mapping"}),
        ("(an? )?key (of|is)", {"a key of", "an key of", "key of", "a key is", "an key is", "key is"}),
        ("(qemu|kvm): (dead|gone)|lost vcpu", {"qemu: dead", "kvm: dead", "qemu: gone", "kvm: gone", "lost vcpu"}),
    ],
)
def test_what_is_spelled_out(pattern: str, texts: set[str]) -> None:
    assert frozenset(texts) in spell_out(pattern)


def test_too_many_alternatives_stay() -> None:
    words = "|".join(f"word{number}" for number in range(SPELLED + 1))
    assert spell_out(f"({words}) here (a|b)") == [
        frozenset(f"word{number}" for number in range(SPELLED + 1)),
        frozenset({" here a", " here b"}),
        frozenset({"a", "b"}),
    ]


def test_short_leads_are_spelled_out_and_long_ones_stay() -> None:
    assert make_signature(r"\w+ (was|got) killed").leads == (" got killed", " was killed")
    assert make_signature("(was|got) killed by the kernel").leads == (" killed by the kernel",)


def test_a_short_text_costs_more() -> None:
    assert get_price({"abcdefgh", "abcdefghi"}) < get_price({"abcdefg"}) < get_price({"abcde"})


@given(patterns(), LINES)
@settings(max_examples=300, deadline=None)
def test_a_line_that_matches_holds_a_text_of_every_set(pattern: str, line: bytes) -> None:
    sets = spell_out(pattern)
    if compile_pattern(pattern).search(line):
        lower = line.lower()
        for texts in sets:
            assert any(text.encode() in lower for text in texts), (pattern, line, texts)
