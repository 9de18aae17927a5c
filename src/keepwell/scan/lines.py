"""Patterns without a text to find them by: which of them may be in this line?

Python's `re` needs microseconds to say no to each of them, on every line. Hyperscan says it for all in one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from keepwell.scan.clean import strip_prefix
from keepwell.scan.database import load_database
from keepwell.scan.pattern import render_plain


class LineMatcher(Protocol):
    """Says which patterns a line may match."""

    def nominate(self, line: bytes) -> Iterable[int]:
        """The numbers of all patterns that this clean line matches (see `pattern`), perhaps of others too."""
        ...


class HyperscanLines:
    """All patterns in one pass over the line, and over the line without its log prefix if any asks for that."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._all = range(len(patterns))
        self._anchored = any("^" in one for one in patterns)
        self._database: Any = None
        if patterns:
            self._database = load_database([render_plain(one) for one in patterns], single=True)

    def nominate(self, line: bytes) -> Iterable[int]:
        """See `LineMatcher`."""
        if self._database is None:
            return self._all
        found: set[int] = set()

        def note(pattern: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            found.add(pattern)

        self._database.scan(line, match_event_handler=note)
        if self._anchored:
            bare = strip_prefix(line)
            if len(bare) < len(line):
                self._database.scan(bare, match_event_handler=note)
        return found


class EveryPattern:
    """Leaves it to who asks."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._all = range(len(patterns))

    def nominate(self, line: bytes) -> Iterable[int]:
        """See `LineMatcher`."""
        return self._all


def make_line_matcher(patterns: Sequence[str], matcher: str = "") -> LineMatcher:
    """The fastest one; `matcher` as for `matchers.make_matcher`."""
    if matcher in ("", "hyperscan") and importlib.util.find_spec("hyperscan"):
        return HyperscanLines(patterns)
    return EveryPattern(patterns)
