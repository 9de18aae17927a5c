"""Three ways to nominate the lines that may hold a signature; `scan` then asks Python's `re` about each.

Hyperscan (Vectorscan) takes all signatures in one pass; where there is no wheel, Aho-Corasick looks for
texts that each signature must contain; where that is missing too, `bytes.find` does, one by one. A
nomination too many costs time, one too few would be a bug: all three give identical hits.
"""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from keepwell.diagnose.cache import digest_of, load_cached, save_cached
from keepwell.diagnose.pattern import compile_pattern, find_literals, loosen

#: A place in a block where a match (or a text that it needs) ends, and the index of the signature.
Nomination: TypeAlias = tuple[int, int]
#: Shorter texts occur in so many lines that asking `re` about every line is as cheap.
LITERAL_BYTES = 2
#: The code that decides what is compiled; a database made by another is not used.
_LOOSENING = tuple(Path(__file__).with_name(name) for name in ("pattern.py", "regex.py", "matchers.py"))


class Matcher(Protocol):
    """Nominates lines of a block of clean lines."""

    def nominate(self, data: bytes) -> Sequence[Nomination]:
        """Places in lines that may hold a signature, sorted."""
        ...


class HyperscanMatcher:
    """All signatures in one pass at memory speed; the compiled database is kept on disk.

    Compiling 1,000 signatures takes seconds, loading them a millisecond. A signature that Hyperscan
    refuses (too large, say) is looked for by its texts instead.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        import hyperscan

        self._patterns = patterns
        self._flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE
        self._hyperscan: Any = hyperscan
        build = f"{hyperscan.__version__} {platform.machine()}"
        key = digest_of((build.encode(), *(one.encode("utf-8") for one in patterns)), code=_LOOSENING)
        refused: list[int] = []
        self._database = self._load(load_cached("signatures", key))
        if self._database is None:
            self._database, refused = self._compile(range(len(patterns)))
            if self._database is not None and not refused:
                save_cached("signatures", key, hyperscan.dumpb(self._database))
        self._others = FindMatcher(patterns, only=refused)

    def nominate(self, data: bytes) -> Sequence[Nomination]:
        """See `Matcher`."""
        found: list[Nomination] = list(self._others.nominate(data))

        def note(index: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, index))

        if self._database is not None:
            self._database.scan(data, match_event_handler=note)
        found.sort()
        return found

    def _load(self, stored: bytes) -> Any:
        """The stored database, or None when there is none that this build and CPU can use."""
        if not stored:
            return None
        try:
            database = self._hyperscan.loadb(stored, self._hyperscan.HS_MODE_BLOCK)
            database.scratch = self._hyperscan.Scratch(database)
        except self._hyperscan.HyperscanError:
            return None
        return database

    def _compile(self, indices: Sequence[int]) -> tuple[Any, list[int]]:
        """A database of these signatures (None for none), and those that Hyperscan refuses."""
        if not indices:
            return None, []
        database = self._make(indices)
        if database is not None:
            return database, []
        refused = [index for index in indices if self._make([index]) is None]
        kept = [index for index in indices if index not in refused]
        if not refused:
            return None, kept
        return self._compile(kept)[0], refused

    def _make(self, indices: Sequence[int]) -> Any:
        database = self._hyperscan.Database(mode=self._hyperscan.HS_MODE_BLOCK)
        expressions = [loosen(self._patterns[index]).encode("utf-8") for index in indices]
        try:
            database.compile(expressions=expressions, ids=list(indices), flags=self._flags)
        except self._hyperscan.HyperscanError:
            return None
        return database


class AhoCorasickMatcher:
    """One pass for the texts that signatures must contain; `re` on every line for those without any."""

    def __init__(self, patterns: Sequence[str]) -> None:
        import ahocorasick_rs

        table, rest = _literal_table(patterns, range(len(patterns)))
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

    def __init__(self, patterns: Sequence[str], only: Sequence[int] | None = None) -> None:
        indices: Sequence[int] = range(len(patterns))
        if only is not None:
            indices = only
        self._table, rest = _literal_table(patterns, indices)
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
        self._patterns = [(index, compile_pattern(loosen(patterns[index]))) for index in indices]

    def nominate(self, data: bytes) -> Iterator[Nomination]:
        if not self._patterns:
            return
        end = -1
        for line in data.split(b"\n"):
            end += len(line) + 1
            for index, pattern in self._patterns:
                if pattern.search(line):
                    yield end, index


#: Matchers by name, best first, each with the module that it needs.
MATCHERS: Mapping[str, tuple[str, Callable[[Sequence[str]], Matcher]]] = {
    "hyperscan": ("hyperscan", HyperscanMatcher),
    "aho-corasick": ("ahocorasick_rs", AhoCorasickMatcher),
    "find": ("", FindMatcher),
}


def make_matcher(patterns: Sequence[str], name: str = "") -> Matcher:
    """The matcher of this name; "" gives the best whose module is installed."""
    if name:
        return MATCHERS[name][1](patterns)
    for module, make in MATCHERS.values():
        if not module or importlib.util.find_spec(module):
            return make(patterns)
    raise AssertionError("the last matcher needs no module")


def _literal_table(patterns: Sequence[str], indices: Iterable[int]) -> tuple[dict[bytes, list[int]], list[int]]:
    """Texts with the signatures that need them, and the signatures that have no such text."""
    table: dict[bytes, list[int]] = {}
    rest: list[int] = []
    for index in indices:
        literals = find_literals(patterns[index])
        if not literals or min(len(one) for one in literals) < LITERAL_BYTES:
            rest.append(index)
            continue
        for one in literals:
            table.setdefault(one, []).append(index)
    return table, rest


def _find_all(data: bytes, text: bytes) -> Iterator[int]:
    """The end of one occurrence in every line that has any."""
    at = data.find(text)
    while at >= 0:
        yield at + len(text)
        line_end = data.find(b"\n", at)
        if line_end < 0:
            return
        at = data.find(text, line_end)
