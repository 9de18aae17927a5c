"""Which texts are looked for, and what healthy engines write."""

from __future__ import annotations

from keepwell.scan.pattern import compile_pattern
from keepwell.scan.signature import ORDINARY, Signature, make_signature, shorten_leads


def test_the_rare_side_of_a_gap_is_looked_for() -> None:
    made = make_signature(r"model .{0,60}runner has terminated")
    assert made.rare
    assert made.leads == ("runner has terminated",)
    assert ("model ",) in made.sets


def test_a_pattern_of_common_words_is_not_rare() -> None:
    made = make_signature(r"\b(GPU|model)\b")
    assert not made.rare
    assert made.ordinary


def test_short_numbers_are_not_rare() -> None:
    assert not make_signature(r"\b429\b").rare


def test_a_pattern_without_texts() -> None:
    made = make_signature(r"[0-9]{9}[!?]")
    assert made.leads == ()
    assert not made.rare


def test_longer_texts_lead_through_shorter_ones() -> None:
    made = [make_signature("runner crashed"), make_signature("the runner crashed badly"), make_signature("zzz broke")]
    short, long, other = shorten_leads(made)
    assert short.leads == long.leads == ("runner crashed",)
    assert other.leads == ("zzz broke",)
    assert isinstance(long, Signature)


def test_ordinary_lines_hold_no_errors() -> None:
    alarming = compile_pattern(r"traceback|panic:|out of memory|no space left|permission denied|segfault|fatal")
    assert not [line for line in ORDINARY.read_bytes().splitlines() if alarming.search(line)]


def test_an_ordinary_pattern_without_rare_texts_is_known_as_one() -> None:
    assert make_signature(r"time=\S+ level=INFO").ordinary
    assert not make_signature(r"level=\d{9}").ordinary
