"""Three ways to nominate the lines that may hold a signature: Hyperscan, Aho-Corasick with `re`, `re` alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from keepwell.diagnose.pattern import compile_pattern


class Matcher(Protocol):
    """Nominates (end of match, index of signature) pairs in a block of clean lines, ordered by line."""

    name: str

    def nominate(self, data: bytes) -> Iterable[tuple[int, int]]:
        """Every pair that may be a hit; too many is fine, too few is a bug."""
        ...


class HyperscanMatcher:
    """Every signature in one pass at memory speed."""

    name = "hyperscan"

    def __init__(self, patterns: Sequence[str]) -> None:
        import hyperscan

        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._empty = not patterns
        if patterns:
            self._database.compile(
                expressions=[candidate(one).encode("utf-8") for one in patterns],
                ids=list(range(len(patterns))),
                flags=hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE,
            )

    def nominate(self, data: bytes) -> Iterable[tuple[int, int]]:
        """Pairs in the order of their ends."""
        found: list[tuple[int, int]] = []

        def note(index: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, index))

        if not self._empty:
            self._database.scan(data, match_event_handler=note)
        return found


class RegexMatcher:
    """Python's `re` on every line; for machines without any other."""

    name = "re"

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [compile_pattern(candidate(one)) for one in patterns]

    def nominate(self, data: bytes) -> Iterable[tuple[int, int]]:
        """Pairs in the order of lines."""
        start = 0
        for line in data.split(b"\n"):
            for index, pattern in enumerate(self._patterns):
                if pattern.search(line):
                    yield start + len(line), index
            start += len(line) + 1


def candidate(pattern: str) -> str:
    """A signature that matches at least wherever this one does, and is cheaper to look for."""
    bare = pattern.removeprefix("^")
    return re.sub(r"(?<!\\)(?:\.[*+]\??)+\Z", ".?", bare).removesuffix(".?") or bare


MATCHERS: Mapping[str, Callable[[Sequence[str]], Matcher]] = {"hyperscan": HyperscanMatcher, "re": RegexMatcher}


def get_matcher(patterns: Sequence[str], name: str = "") -> Matcher:
    """The matcher of this name, or the best that is installed."""
    return MATCHERS[name or "hyperscan"](patterns)
