"""Signature: a pattern, the texts to look for first, and whether healthy engines write such lines too.

`ordinary.log` holds lines that engines and systems write while all is well, recorded from real ones. Two
things follow from it: a text that stands in none of them is rare enough to look for in gigabytes; and a
pattern that matches one of them is no sign of a fault in a log, whatever it means in a chosen excerpt.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from keepwell.diagnose.pattern import find_texts, matches_line

#: The lines that are written while all is well.
ORDINARY = Path(__file__).with_name("ordinary.log")
#: A text that is looked for everywhere has at least so many characters.
RARE_CHARS = 3
# Shorter texts of these alone turn up in any number, address or hash.
_DIGITS = frozenset("0123456789abcdef .:,-/")
_DIGIT_CHARS = 7


@dataclass(frozen=True, slots=True)
class Signature:
    """A pattern made ready.

    Every line that it matches holds one of `texts` (lower case; empty if it has none). `rare`: none of them
    stands in an ordinary line. `ordinary`: it matches an ordinary line itself.
    """

    pattern: str
    texts: tuple[str, ...]
    rare: bool
    ordinary: bool


@lru_cache(maxsize=16384)
def make_signature(pattern: str) -> Signature:
    """The signature of a sound pattern; costs about 0.1 ms, ten times that for a pattern of common words."""
    sets = find_texts(pattern)
    rare = [texts for texts in sets if _is_rare(texts)]
    if rare:
        return Signature(pattern, _best(rare), True, False)
    ordinary = any(matches_line(pattern, line) for line in _ordinary_lines())
    return Signature(pattern, _best(sets), False, ordinary)


def _is_rare(texts: frozenset[str]) -> bool:
    whole = _ordinary_text()
    return all(_is_specific(one) and one not in whole for one in texts)


def _is_specific(text: str) -> bool:
    return len(text) >= RARE_CHARS and (len(text) >= _DIGIT_CHARS or not _DIGITS.issuperset(text))


def _best(sets: Sequence[frozenset[str]]) -> tuple[str, ...]:
    """The set whose shortest text is the longest; of equals the smaller one."""
    if not sets:
        return ()
    best = max(sets, key=_worth)
    return tuple(sorted(best))


def _worth(texts: Collection[str]) -> tuple[int, int]:
    return min(len(one) for one in texts), -len(texts)


@lru_cache(maxsize=1)
def _ordinary_lines() -> tuple[bytes, ...]:
    return tuple(ORDINARY.read_bytes().splitlines())


@lru_cache(maxsize=1)
def _ordinary_text() -> str:
    return ORDINARY.read_text(encoding="utf-8").lower()
