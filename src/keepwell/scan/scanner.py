"""Finds signatures in a stream of bytes: which, first where, last where, how often.

A signature hits a line when Python's `re` finds it in the clean line (see `clean`, `pattern`); texts that such
a line must hold (see `signature`) lead to it at memory speed. Signatures that tell of a fault and have rare
texts are looked for everywhere. Those of common words ("GPU", "time out") are context: they are looked
for at the head of the text and around the faults that were found. A text that is no longer than the head, as
people paste, is looked through for everything. Memory is bounded: one block, and a few lines of each signature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from keepwell.scan.clean import LineCount, read_blocks
from keepwell.scan.lines import make_line_matcher
from keepwell.scan.matchers import make_matcher
from keepwell.scan.pattern import matches_line
from keepwell.scan.signature import Signature
from keepwell.scan.unwrap import HIDING, unwrap_line

#: Lines kept of each signature: a few tell a cause from its follow-ups; more would only cost memory.
KEPT_LINES = 8
#: Lines counted of each signature: of a hundred thousand the exact number tells nothing more.
COUNTED_LINES = 10_000
#: Characters kept of a line: what a person would read of it.
KEPT_CHARS = 2000
#: Bytes at the head of a text that are looked through for everything.
HEAD_BYTES = 32 * 1024
#: Bytes before and after a fault that are looked through for context: some 40 lines each.
AROUND_BYTES = 4 * 1024
#: Bytes of context beyond the head that a text gets in all; common words cost a hundred times as much as rare ones.
CONTEXT_BYTES = 32 * 1024


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


_NEWLINE = 10
_Sets: TypeAlias = tuple[tuple[bytes, ...], ...]
#: A signature's pattern, and sets of texts of each of which a line must hold one.
_Candidate: TypeAlias = tuple[str, _Sets]


class Scanner:
    """Signatures made ready to be looked for: make one, use it for many texts.

    Those in `faults` are looked for everywhere if they are rare; of those in `once` only the presence matters.
    `matcher` names one of `matchers.MATCHERS`; "" takes the best that is installed.
    """

    def __init__(
        self,
        signatures: Sequence[Signature],
        *,
        faults: Collection[str],
        once: Iterable[str] = (),
        matcher: str = "",
    ) -> None:
        self._once = frozenset(once)
        self._faults = _Searcher([one for one in signatures if one.rare and one.pattern in faults], matcher)
        self._context = _Searcher([one for one in signatures if not (one.rare and one.pattern in faults)], matcher)

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """All hits in these bytes; how they are cut into chunks makes no difference."""
        tally = _Tally(self._once)
        lines = size = cut = 0
        left = CONTEXT_BYTES
        for block in read_blocks(chunks):
            data = block.data
            count = LineCount(data, lines)
            faults = self._faults.search(data, (0, len(data)), count, tally)
            if not lines or (faults and left > 0):
                left = self._search_context(data, faults, LineCount(data, lines), left, tally)
            lines = count.all()
            size += len(data)
            cut += block.cut_lines
        return Scanned(hits=tally.hits(), lines=lines, size_bytes=size, cut_lines=cut)

    def _search_context(self, data: bytes, faults: Sequence[int], count: LineCount, left: int, tally: _Tally) -> int:
        """Look through the block's parts around faults, in the first block through its head; gives the bytes left."""
        first = count.at_start
        for start, stop in find_context(data, faults, head=first):
            is_head = first and not start
            if is_head or left > 0:
                left -= (stop - start) * (not is_head)
                self._context.search(data, (start, stop), count, tally)
        return left


def find_context(data: bytes, faults: Sequence[int], *, head: bool) -> list[tuple[int, int]]:
    """Parts of a block (from, to), whole lines, apart from each other: its head if asked, and around faults."""
    wished = [(at - AROUND_BYTES, at + AROUND_BYTES) for at in faults]
    if head:
        wished.insert(0, (0, HEAD_BYTES))
    parts: list[tuple[int, int]] = []
    for start, stop in wished:
        start = data.rfind(b"\n", 0, max(0, start)) + 1
        stop = data.find(b"\n", min(stop, len(data) - 1)) + 1
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(stop, parts[-1][1]))
        else:
            parts.append((start, stop))
    return parts


class _Searcher:
    """Looks for some signatures in a block."""

    def __init__(self, signatures: Sequence[Signature], matcher: str) -> None:
        leads: dict[str, list[_Candidate]] = {}
        self._leadless: list[_Candidate] = []
        for one in signatures:
            sets = tuple(tuple(text.encode("utf-8") for text in texts) for texts in one.sets)
            if not one.leads:
                self._leadless.append((one.pattern, sets))
            for lead in one.leads:
                # a signature's own text needs no second look
                leads.setdefault(lead, []).append((one.pattern, sets[lead in one.sets[0] :]))
        self._candidates = [*leads.values(), []]
        self._hidden = len(leads)
        self._matcher = make_matcher([*(lead.encode("utf-8") for lead in leads), HIDING], matcher)
        self._lines = make_line_matcher([pattern for pattern, _ in self._leadless], matcher)

    def search(self, data: bytes, part: tuple[int, int], count: LineCount, tally: _Tally) -> list[int]:
        """Add every hit in a part of the block; gives where the lines start of which any was kept."""
        kept: list[int] = []
        for start, leads in self._find_lines(data, part):
            line = unwrap_line(data[start : data.find(b"\n", start)])
            lower = line.lower()
            asked: set[str] = set()
            for pattern, sets in self._find_candidates(line, leads):
                if pattern in tally.full or pattern in asked:
                    continue
                asked.add(pattern)
                if not (_holds_all(lower, sets) and matches_line(pattern, line)):
                    continue
                if tally.add(pattern, count.number(start), line):
                    kept.append(start)
        return kept

    def _find_candidates(self, line: bytes, leads: Sequence[int]) -> Iterator[_Candidate]:
        """The signatures that may be in this line; some come twice."""
        if self._hidden in leads:
            leads = [lead for _, lead in self._matcher.nominate(line)]
        for lead in leads:
            yield from self._candidates[lead]
        if self._leadless:
            for one in self._lines.nominate(line):
                yield self._leadless[one]

    def _find_lines(self, data: bytes, part: tuple[int, int]) -> Iterable[tuple[int, Sequence[int]]]:
        """Where lines start that may hold a signature, in order, each with the leads in it."""
        shift, end = part
        start, stop = shift, shift - 1
        found: dict[int, list[int]] = {}
        for place, lead in self._matcher.nominate(data[shift:end]):
            if place + shift > stop + 1:
                start = data.rfind(b"\n", 0, place + shift - 1) + 1
                stop = data.find(b"\n", start)
                found[start] = []
            found[start].append(lead)
        if not self._leadless:
            return found.items()
        starts = accumulate((len(line) + 1 for line in data[shift:end].split(b"\n")[:-2]), initial=shift)
        return [(start, found.get(start, ())) for start in starts if data[start] != _NEWLINE]


def _holds_all(line: bytes, sets: _Sets) -> bool:
    """True if the line holds a text of each set."""
    for texts in sets:
        for text in texts:
            if text in line:
                break
        else:
            return False
    return True


class _Tally:
    """Counts hits and keeps the first few lines of each signature. `full` are those that are done with."""

    def __init__(self, once: frozenset[str]) -> None:
        self.full: set[str] = set()
        self._once = once
        self._lines: dict[str, list[Line]] = {}
        self._last: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def add(self, pattern: str, number: int, line: bytes) -> bool:
        """Count a hit; True if its line was kept."""
        lines = self._lines.setdefault(pattern, [])
        keep = len(lines) < KEPT_LINES
        if keep:
            lines.append(Line(number, line.decode("utf-8", "replace")[:KEPT_CHARS]))
        self._last[pattern] = number
        self._count[pattern] = self._count.get(pattern, 0) + 1
        if self._count[pattern] == COUNTED_LINES or pattern in self._once:
            self.full.add(pattern)
        return keep

    def hits(self) -> dict[str, Hit]:
        return {
            pattern: Hit(pattern=pattern, lines=tuple(lines), last=self._last[pattern], count=self._count[pattern])
            for pattern, lines in sorted(self._lines.items())
        }
