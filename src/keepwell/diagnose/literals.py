"""Nominates lines by texts that signatures must contain: with Aho-Corasick in one pass, or one by one.

Signatures without such a text are asked about every line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from keepwell.diagnose.cache import digest_of, load_cached, save_cached
from keepwell.diagnose.nomination import Nomination
from keepwell.diagnose.pattern import compile_pattern, make_nominator

#: Shorter texts occur in so many lines that asking `re` about every line is as cheap.
LITERAL_BYTES = 2
#: The code that decides which texts a signature needs; what another one found is not used.
_MAKERS = tuple(Path(__file__).with_name(name) for name in ("pattern.py", "regex.py", "literals.py"))


class AhoCorasickMatcher:
    """One pass for the texts that signatures must contain; `re` on every line for those without any."""

    def __init__(self, patterns: Sequence[str], once: frozenset[str]) -> None:
        import ahocorasick_rs

        table, rest = find_literals(patterns, range(len(patterns)))
        self._owners = list(table.values())
        self._automaton: Any = None
        if table:
            self._automaton = ahocorasick_rs.BytesAhoCorasick(list(table))
        self._others = _EveryLine(patterns, rest)

    def nominate(self, data: bytes) -> Sequence[Nomination]:
        """See `Matcher`."""
        found = list(self._others.nominate(data))
        if self._automaton is not None:
            for which, _start, end in self._automaton.find_matches_as_indexes(data.lower(), overlapping=True):
                found += [(end, index) for index in self._owners[which]]
        found.sort()
        return found


class FindMatcher:
    """`bytes.find` for each text in turn; needs nothing but Python."""

    def __init__(self, patterns: Sequence[str], once: frozenset[str], only: Sequence[int] | None = None) -> None:
        indices: Sequence[int] = range(len(patterns))
        if only is not None:
            indices = only
        self._table, rest = find_literals(patterns, indices)
        self._others = _EveryLine(patterns, rest)

    def nominate(self, data: bytes) -> Sequence[Nomination]:
        """See `Matcher`."""
        found = list(self._others.nominate(data))
        if self._table:
            lower = data.lower()
            for text, owners in self._table.items():
                found += [(end, index) for end in _find_all(lower, text) for index in owners]
        found.sort()
        return found


class _EveryLine:
    """`re` on every line, for signatures without a text that they must contain."""

    def __init__(self, patterns: Sequence[str], indices: Sequence[int]) -> None:
        self._patterns = [(index, _loose(patterns[index])) for index in indices]

    def nominate(self, data: bytes) -> Iterator[Nomination]:
        if not self._patterns:
            return
        end = -1
        for line in data.split(b"\n"):
            end += len(line) + 1
            for index, pattern in self._patterns:
                if pattern.search(line):
                    yield end, index


def find_literals(patterns: Sequence[str], indices: Sequence[int]) -> tuple[dict[bytes, list[int]], list[int]]:
    """Texts with the (indices of) signatures that need them, and the signatures that have no such text.

    Finding them means reading every signature, so that what was found is kept on disk.
    """
    if not indices:
        return {}, []
    key = digest_of((str(indices).encode(), *(one.encode("utf-8") for one in patterns)), code=_MAKERS)
    cached = load_cached("texts", key)
    if not cached:
        cached = json.dumps(_make_table(patterns, indices)).encode()
        save_cached("texts", key, cached)
    table, rest = json.loads(cached)
    return {text.encode("utf-8"): owners for text, owners in table.items()}, rest


def _make_table(patterns: Sequence[str], indices: Sequence[int]) -> tuple[dict[str, list[int]], list[int]]:
    table: dict[str, list[int]] = {}
    rest: list[int] = []
    for index in indices:
        literals = make_nominator(patterns[index]).literals
        if not literals or min(len(one) for one in literals) < LITERAL_BYTES:
            rest.append(index)
            continue
        for one in sorted(literals):
            table.setdefault(one.decode("utf-8"), []).append(index)
    return table, rest


def _loose(pattern: str) -> re.Pattern[bytes]:
    return compile_pattern(make_nominator(pattern).expression)


def _find_all(data: bytes, text: bytes) -> Iterator[int]:
    """The end of one occurrence in every line that has any."""
    at = data.find(text)
    while at >= 0:
        yield at + len(text)
        line_end = data.find(b"\n", at)
        if line_end < 0:
            return
        at = data.find(text, line_end)
