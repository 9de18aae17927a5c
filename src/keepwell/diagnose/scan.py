"""Finds every signature of the catalogue in a stream of bytes: which, first where, last where, how often.

A signature hits a line when Python's `re` finds it in the cleaned line; the matchers (`matchers`) only
nominate lines, so all of them give the same hits. Memory is bounded: a block, a few lines a signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.diagnose.clean import Block, read_blocks, strip_prefix
from keepwell.diagnose.matchers import Matcher, get_matcher
from keepwell.diagnose.pattern import compile_pattern

#: Lines kept of each signature: the first few tell a cause from its follow-ups, more only cost memory.
KEPT_LINES = 8
#: Characters kept of a line that is shown.
KEPT_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text: its number from 1 and its cleaned text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One signature in one text: its first lines (at most `KEPT_LINES`), the last line's number, the count."""

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
    """What a scan gave: hits by signature, lines and bytes read, lines cut at the limit."""

    hits: Mapping[str, Hit]
    lines: int
    size_bytes: int
    cut_lines: int


class Scanner:
    """Signatures made ready to be looked for; make one, use it for many texts.

    `matcher` picks an engine by name (see `matchers.MATCHERS`); "" takes the best that is installed.
    """

    def __init__(self, patterns: Sequence[str], *, matcher: str = "") -> None:
        self.patterns = tuple(dict.fromkeys(patterns))
        self.matcher: Matcher = get_matcher(self.patterns, matcher)

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """All hits in these bytes; how they are cut into chunks makes no difference."""
        tally = _Tally(self.patterns)
        lines = size = cut = 0
        for block in read_blocks(chunks):
            self._scan_block(block, lines, tally)
            lines += block.lines
            size += block.size_bytes
            cut += block.cut_lines
        return Scanned(hits=tally.hits(), lines=lines, size_bytes=size, cut_lines=cut)

    def _scan_block(self, block: Block, before: int, tally: _Tally) -> None:
        data = block.data
        number, counted = before, 0
        last_key = (-1, -1)
        for end, index in self.matcher.nominate(data):
            start = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
            if last_key == (start, index):
                continue
            last_key = (start, index)
            stop = data.find(b"\n", start)
            line = data[start:stop]
            if not matches_line(self.patterns[index], line):
                continue
            number += data.count(b"\n", counted, start)
            counted = start
            tally.add(index, number + 1, line)


def matches_line(pattern: str, line: bytes) -> bool:
    """True if the signature is in the cleaned line, or in it without its log prefix (for `^`)."""
    compiled = compile_pattern(pattern)
    if compiled.search(line):
        return True
    return pattern.startswith("^") and bool(compiled.search(strip_prefix(line)))


class _Tally:
    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = patterns
        self._lines: dict[int, list[Line]] = {}
        self._last: dict[int, int] = {}
        self._count: dict[int, int] = {}

    def add(self, index: int, number: int, line: bytes) -> None:
        if self._last.get(index) == number:
            return
        kept = self._lines.setdefault(index, [])
        if len(kept) < KEPT_LINES:
            kept.append(Line(number, line.decode("utf-8", "replace")[:KEPT_CHARS]))
        self._last[index] = number
        self._count[index] = self._count.get(index, 0) + 1

    def hits(self) -> dict[str, Hit]:
        return {
            self._patterns[index]: Hit(
                pattern=self._patterns[index],
                lines=tuple(lines),
                last=self._last[index],
                count=self._count[index],
            )
            for index, lines in self._lines.items()
        }
