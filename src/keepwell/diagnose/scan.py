"""Finds every signature of the catalogue in a stream of bytes: which, first where, last where, how often.

A signature hits a line when Python's `re` finds it in the clean line (see `clean`, `pattern`); the matchers
only nominate lines, so that all of them give the same hits. Memory is bounded: one block, and a few lines
of each signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.diagnose.clean import count_lines, read_blocks
from keepwell.diagnose.matchers import make_matcher
from keepwell.diagnose.nomination import Matcher
from keepwell.diagnose.pattern import matches_line

#: Lines kept of each signature: a few tell a cause from its follow-ups; more would only cost memory.
KEPT_LINES = 8
#: Lines counted of each signature: with a hundred thousand the exact number tells nothing more.
COUNTED_LINES = 10_000
#: Characters kept of a line: what a person would read of it.
KEPT_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text: its number from 1 and its clean text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One signature in one text: its first lines (at most `KEPT_LINES`), the last line's number, the count.

    Counting stops at `COUNTED_LINES`, and at the first line of signatures that are looked for `once`.
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
    """What a scan gave: hits by signature, lines and clean bytes looked at, lines cut at the limit."""

    hits: Mapping[str, Hit]
    lines: int = 0
    size_bytes: int = 0
    cut_lines: int = 0


class Scanner:
    """Signatures made ready to be looked for: make one, use it for many texts.

    Of a signature in `once` only the first line is wanted (words as common as "GPU" or "time", of which it
    matters only whether they are there). `matcher` names one of `matchers.MATCHERS`; "" takes the best that is
    installed. Making one costs milliseconds when its database is cached, else a second or two.
    """

    def __init__(self, patterns: Sequence[str], *, once: Iterable[str] = (), matcher: str = "") -> None:
        self.patterns = tuple(dict.fromkeys(patterns))
        self._once = frozenset(once)
        self._matcher: Matcher = make_matcher(self.patterns, self._once, matcher)

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """All hits in these bytes; how they are cut into chunks makes no difference."""
        tally = _Tally(self.patterns, self._once)
        lines = size = cut = 0
        for block in read_blocks(chunks):
            self._scan_block(block.data, lines, tally)
            lines += count_lines(block.data)
            size += len(block.data)
            cut += block.cut_lines
        return Scanned(hits=tally.hits(), lines=lines, size_bytes=size, cut_lines=cut)

    def _scan_block(self, data: bytes, number: int, tally: _Tally) -> None:
        start, stop, counted = 0, -1, 0
        line = b""
        asked: set[int] = set()
        for end, index in self._matcher.nominate(data):
            if end > stop + 1:
                start = data.rfind(b"\n", 0, end - 1) + 1
                stop = data.find(b"\n", start)
                line = data[start:stop]
                asked.clear()
                number += data.count(b"\n", counted, start)
                counted = start
            if index not in asked and index not in tally.full:
                asked.add(index)
                if matches_line(self.patterns[index], line):
                    tally.add(index, number + 1, line)


class _Tally:
    """Counts hits and keeps the first few lines of each signature."""

    def __init__(self, patterns: tuple[str, ...], once: frozenset[str]) -> None:
        self.full: set[int] = set()
        self._patterns, self._once = patterns, once
        self._lines: dict[int, list[Line]] = {}
        self._last: dict[int, int] = {}
        self._count: dict[int, int] = {}

    def add(self, index: int, number: int, line: bytes) -> None:
        kept = self._lines.setdefault(index, [])
        if len(kept) < KEPT_LINES:
            kept.append(Line(number, line.decode("utf-8", "replace")[:KEPT_CHARS]))
        self._last[index] = number
        self._count[index] = self._count.get(index, 0) + 1
        if self._count[index] == COUNTED_LINES or self._patterns[index] in self._once:
            self.full.add(index)

    def hits(self) -> dict[str, Hit]:
        return {
            self._patterns[index]: Hit(
                pattern=self._patterns[index],
                lines=tuple(lines),
                last=self._last[index],
                count=self._count[index],
            )
            for index, lines in sorted(self._lines.items())
        }
