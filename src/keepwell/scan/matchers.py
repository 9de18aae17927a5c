"""Three ways to find thousands of leads in a block; `scan` then asks Python's `re` about their lines.

Hyperscan is the fastest; where there is no wheel of it, Aho-Corasick; where that is missing too, Python's
own `in` and `find`, one text after the other. All give the same.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keepwell.scan.database import load_database
from keepwell.scan.nomination import MakeMatcher, Matcher, Nomination


class HyperscanMatcher:
    """All leads in one pass at memory speed. Its database takes 0.2 s to make and is kept on disk."""

    def __init__(self, leads: Sequence[bytes]) -> None:
        self._database: Any = None
        if leads:
            self._database = load_database([re.escape(text) for text in leads])

    def nominate(self, data: bytes) -> list[Nomination]:
        """See `Matcher`."""
        found: list[Nomination] = []

        def note(lead: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, lead))

        if self._database is not None:
            self._database.scan(data, match_event_handler=note)
        found.sort()
        return found


class AhoCorasickMatcher:
    """All leads in one pass over the lower-case block."""

    def __init__(self, leads: Sequence[bytes]) -> None:
        import ahocorasick_rs

        self._automaton: Any = None
        if leads:
            self._automaton = ahocorasick_rs.BytesAhoCorasick(list(leads))

    def nominate(self, data: bytes) -> list[Nomination]:
        """See `Matcher`."""
        if self._automaton is None:
            return []
        matches = self._automaton.find_matches_as_indexes(data.lower(), overlapping=True)
        return sorted((end, lead) for lead, _start, end in matches)


class FindMatcher:
    """One lead after the other; needs nothing but Python, and for a few kilobytes nothing is faster."""

    def __init__(self, leads: Sequence[bytes]) -> None:
        self._leads = list(leads)

    def nominate(self, data: bytes) -> list[Nomination]:
        """See `Matcher`."""
        lower = data.lower()
        there = [(lead, text) for lead, text in enumerate(self._leads) if text in lower]
        return sorted((end, lead) for lead, text in there for end in _find_ends(lower, text))


#: Matchers by name, best first, each with the module that it needs.
MATCHERS: Mapping[str, tuple[str, MakeMatcher]] = {
    "hyperscan": ("hyperscan", HyperscanMatcher),
    "aho-corasick": ("ahocorasick_rs", AhoCorasickMatcher),
    "find": ("", FindMatcher),
}


def make_matcher(leads: Sequence[bytes], name: str = "") -> Matcher:
    """The matcher of this name; "" gives the best whose module is installed."""
    if name:
        return MATCHERS[name][1](leads)
    for module, make in MATCHERS.values():
        if not module or importlib.util.find_spec(module):
            return make(leads)
    raise AssertionError("the last matcher needs no module")


def _find_ends(data: bytes, text: bytes) -> Iterator[int]:
    """The end of one occurrence in every line that has any."""
    at = data.find(text)
    while at >= 0:
        yield at + len(text)
        line_end = data.find(b"\n", at)
        if line_end < 0:
            return
        at = data.find(text, line_end)
