"""Signature: a pattern, the texts to look for first, and whether healthy engines write such lines too.

`ordinary.log` holds lines that engines and systems write while all is well, recorded from real ones. Two
things follow from it: a text that stands in none of them is rare enough to look for in gigabytes; and a
pattern that matches one of them is no sign of a fault in a log, whatever it means in a chosen excerpt.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from keepwell.scan.ends import WINDOW, cut_leads
from keepwell.scan.pattern import find_texts, matches_line
from keepwell.scan.spelling import get_price, spell_out

#: The lines that are written while all is well.
ORDINARY = Path(__file__).with_name("ordinary.log")
#: A text that is looked for everywhere has at least so many characters: shorter ones slow Hyperscan by a third.
RARE_CHARS = 5
#: A shorter text ("3", "at") would lead to every line.
SHORTEST_CHARS = 3
#: A text of at least so many characters may lead to signatures with longer ones; "error" would lead to too many.
LEAD_CHARS = 10
#: Further sets of texts that a line is asked for before its signature: a look costs a tenth of a match.
BESIDES = 2
# What JSON writers escape: quotes, backslashes, control characters, and Go's three.
_ESCAPED = re.compile(r"""["'\\<>&\x00-\x1f\x7f]""")
# Shorter texts of these alone turn up in any number, address or hash.
_DIGITS = frozenset("0123456789abcdef .:,-/")
_DIGIT_CHARS = 7


@dataclass(frozen=True, slots=True)
class Signature:
    """A pattern made ready.

    Every line that it matches holds one of `leads` (lower case; none if it has but short ones), by which it is
    found, and one text of each of `sets`. `rare`: no lead stands in an ordinary line. `ordinary`: the pattern
    matches an ordinary line itself. The leads are those of `spelled` if there are any, else of the first set.
    """

    pattern: str
    leads: tuple[str, ...]
    sets: tuple[tuple[str, ...], ...]
    rare: bool
    ordinary: bool
    spelled: tuple[str, ...] = ()


@lru_cache(maxsize=16384)
def make_signature(pattern: str) -> Signature:
    """The signature of a sound pattern; costs about 0.1 ms, ten times that for a pattern of common words."""
    sets = find_texts(pattern)
    leading = _find_leading(sets)
    rare = [one for one in leading if _is_rare(one[0])]
    leads, texts = max(
        rare or [one for one in leading if _worth(one[0])[0] >= SHORTEST_CHARS],
        key=_worth_of_leads,
        default=(frozenset(), frozenset()),
    )
    besides = sorted((one for one in sets if one != texts), key=_worth, reverse=True)[:BESIDES]
    asked = tuple(tuple(sorted(one)) for one in (texts, *besides) if one)
    ordinary = not rare and _is_ordinary(pattern, asked)
    spelled = _spell_short(pattern, leads, rare=bool(rare))
    if spelled:
        leads = frozenset(lead for text in spelled for lead in _find_leads(text))
    return Signature(pattern, tuple(sorted(leads)), asked, bool(rare), ordinary, tuple(sorted(spelled)))


def _spell_short(pattern: str, leads: frozenset[str], *, rare: bool) -> frozenset[str]:
    """Longer texts to find the pattern by, if these leads are short and there are any that cost less; else none."""
    if not leads or _worth(leads)[0] >= WINDOW:
        return frozenset()
    spelled = [one for one in _find_leading(spell_out(pattern)) if not rare or _is_rare(one[0])]
    return min([(leads, frozenset[str]()), *spelled], key=_price_of_leads)[1]


def _find_leading(sets: Iterable[frozenset[str]]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Each set with the leads of its texts."""
    return [(frozenset(lead for text in texts for lead in _find_leads(text)), texts) for texts in sets]


def _price_of_leads(one: tuple[frozenset[str], frozenset[str]]) -> int:
    return get_price(one[0])


def _find_leads(text: str) -> tuple[str, ...]:
    """The longest part of a text that no JSON writer escapes; beyond ASCII some do, so that both forms lead."""
    lead = max(_ESCAPED.split(text), key=len)
    if lead.isascii():
        return (lead,)
    return (lead, json.dumps(lead)[1:-1])


def _is_ordinary(pattern: str, sets: tuple[tuple[str, ...], ...]) -> bool:
    """True if the pattern matches an ordinary line; only those are asked that hold a text of each set."""
    lines = _ordinary_lines()
    numbers = frozenset(range(len(lines)))
    for texts in sets:
        numbers = numbers & frozenset[int]().union(*map(_find_ordinary, texts))
    return any(matches_line(pattern, lines[number]) for number in sorted(numbers))


@lru_cache(maxsize=16384)
def _find_ordinary(text: str) -> frozenset[int]:
    """Which ordinary lines hold this text."""
    whole, starts = _ordinary_text(), _ordinary_starts()
    found: set[int] = set()
    at = whole.find(text)
    while at >= 0:
        found.add(bisect_right(starts, at) - 1)
        at = whole.find(text, whole.find("\n", at))
    return frozenset(found)


def shorten_leads(signatures: Sequence[Signature]) -> list[Signature]:
    """The signatures with each lead replaced by one that it holds, and that cut where it is found fastest.

    The shorter text leads to all lines of the longer one, and half as many texts are found a third faster.
    """
    shortest: list[str] = []
    leads: dict[str, str] = {}
    for text in sorted(sorted({text for one in signatures for text in one.leads}), key=len):
        leads[text] = next((inner for inner in shortest if inner in text), text)
        if leads[text] == text and len(text) >= LEAD_CHARS:
            shortest.append(text)
    cuts = cut_leads(frozenset(leads.values()), _ordinary_text().splitlines())
    return [replace(one, leads=tuple(sorted({cuts[leads[text]] for text in one.leads}))) for one in signatures]


def _is_rare(texts: frozenset[str]) -> bool:
    return all(_is_specific(one) and not _find_ordinary(one) for one in texts)


def _is_specific(text: str) -> bool:
    return len(text) >= RARE_CHARS and (len(text) >= _DIGIT_CHARS or not _DIGITS.issuperset(text))


def _worth_of_leads(one: tuple[frozenset[str], frozenset[str]]) -> tuple[int, int]:
    return _worth(one[0])


def _worth(texts: Collection[str]) -> tuple[int, int]:
    return min(len(one) for one in texts), -len(texts)


@lru_cache(maxsize=1)
def _ordinary_lines() -> tuple[bytes, ...]:
    return tuple(ORDINARY.read_bytes().splitlines())


@lru_cache(maxsize=1)
def _ordinary_text() -> str:
    """All lines in lower case, each ended by a newline."""
    return "".join(line.lower().decode("utf-8", "replace") + "\n" for line in _ordinary_lines())


@lru_cache(maxsize=1)
def _ordinary_starts() -> tuple[int, ...]:
    """Where each line starts in the text of all."""
    return tuple(accumulate((len(line) + 1 for line in _ordinary_text().split("\n")[:-1]), initial=0))
