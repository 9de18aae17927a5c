"""Finds signatures in a stream of bytes: which, first where, last where, how often.

A signature hits a line when Python's `re` finds it in the clean line (see `clean`, `pattern`); texts that such
a line must hold (see `signature`) lead to it at memory speed. Signatures that tell of a fault and have rare
texts are looked for everywhere. Those of common words ("GPU", "time out") are context: they are looked
for in the first block and in blocks where a fault was found. A text of one block, as people paste, is looked
through for everything. Memory is bounded: one block, and a few lines of each signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.diagnose.clean import count_lines, read_blocks
from keepwell.diagnose.matchers import make_matcher
from keepwell.diagnose.nomination import Nomination, list_texts
from keepwell.diagnose.pattern import matches_line
from keepwell.diagnose.signature import Signature

#: Lines kept of each signature: a few tell a cause from its follow-ups; more would only cost memory.
KEPT_LINES = 8
#: Lines counted of each signature: of a hundred thousand the exact number tells nothing more.
COUNTED_LINES = 10_000
#: Characters kept of a line: what a person would read of it.
KEPT_CHARS = 2000
#: Blocks beyond the first that are looked through for context; a second fault is seldom far from the first.
CONTEXT_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text: its number from 1 and its clean text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One signature in one text: its first lines (at most `KEPT_LINES`), the last line's number, the count.

    Counting stops at `COUNTED_LINES`, and at the first line of signatures of which only the presence matters.
    """

    pattern: str
    lines: tuple[Line, ...]
    last: int
    count: int

    @property
    def first(self) -> Line:
        """The first line that it matched."""
        return self.lines[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a scan gave: hits by pattern, clean lines and bytes looked at, lines cut at the limit."""

    hits: Mapping[str, Hit]
    lines: int = 0
    size_bytes: int = 0
    cut_lines: int = 0


class Scanner:
    """Signatures made ready to be looked for: make one, use it for many texts.

    Of a signature in `once` only the presence matters. `matcher` names one of `matchers.MATCHERS`; "" takes
    the best that is installed.
    """

    def __init__(self, signatures: Sequence[Signature], *, once: Iterable[str] = (), matcher: str = "") -> None:
        self._once = frozenset(once)
        faults = [one for one in signatures if one.rare and one.pattern not in self._once]
        others = [one for one in signatures if not one.rare or one.pattern in self._once]
        self._faults = _Searcher(faults, matcher)
        self._context = _Searcher(others, matcher)

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """All hits in these bytes; how they are cut into chunks makes no difference."""
        tally = _Tally(self._once)
        lines = size = cut = 0
        context = CONTEXT_BLOCKS
        for block in read_blocks(chunks):
            kept = tally.kept
            self._faults.search(block.data, lines, tally)
            if not lines or (context and tally.kept > kept):
                context -= bool(lines)
                self._context.search(block.data, lines, tally)
            lines += count_lines(block.data)
            size += len(block.data)
            cut += block.cut_lines
        return Scanned(hits=tally.hits(), lines=lines, size_bytes=size, cut_lines=cut)


class _Searcher:
    """Looks for some signatures in a block."""

    def __init__(self, signatures: Sequence[Signature], matcher: str) -> None:
        self._patterns = [one.pattern for one in signatures]
        self._matcher = make_matcher(list_texts(signatures), matcher)
        self._textless = [index for index, one in enumerate(signatures) if not one.texts]

    def search(self, data: bytes, before: int, tally: _Tally) -> None:
        """Add every hit in the block, of which the first line has the number `before` + 1."""
        start, stop, counted = 0, -1, 0
        number = before
        line = b""
        asked: set[str] = set()
        for end, index in self._nominate(data):
            pattern = self._patterns[index]
            if pattern in tally.full:
                continue
            if end > stop + 1:
                start = data.rfind(b"\n", 0, end - 1) + 1
                stop = data.find(b"\n", start)
                line = data[start:stop]
                asked.clear()
                number += data.count(b"\n", counted, start)
                counted = start
            if pattern not in asked:
                asked.add(pattern)
                if matches_line(pattern, line):
                    tally.add(pattern, number + 1, line)

    def _nominate(self, data: bytes) -> list[Nomination]:
        found = self._matcher.nominate(data)
        if not self._textless:
            return found
        end = -1
        for line in data.split(b"\n")[:-1]:
            end += len(line) + 1
            if line:
                found += [(end, index) for index in self._textless]
        found.sort()
        return found


class _Tally:
    """Counts hits and keeps the first few lines of each signature. `full` are those that are done with."""

    def __init__(self, once: frozenset[str]) -> None:
        self.full: set[str] = set()
        self.kept = 0
        self._once = once
        self._lines: dict[str, list[Line]] = {}
        self._last: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def add(self, pattern: str, number: int, line: bytes) -> None:
        lines = self._lines.setdefault(pattern, [])
        if len(lines) < KEPT_LINES:
            lines.append(Line(number, line.decode("utf-8", "replace")[:KEPT_CHARS]))
            self.kept += 1
        self._last[pattern] = number
        self._count[pattern] = self._count.get(pattern, 0) + 1
        if self._count[pattern] == COUNTED_LINES or pattern in self._once:
            self.full.add(pattern)

    def hits(self) -> dict[str, Hit]:
        return {
            pattern: Hit(pattern=pattern, lines=tuple(lines), last=self._last[pattern], count=self._count[pattern])
            for pattern, lines in sorted(self._lines.items())
        }
