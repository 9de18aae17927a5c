"""Finds signatures in a stream of bytes: which, where first, how often.

A signature hits a line when Python's `re` finds it in the clean line (see `clean`, `pattern`); texts that such
a line must hold (see `signature`) lead to it at memory speed. Signatures that tell of a fault and have rare
texts are looked for everywhere. Those of common words ("GPU", "time out") are context: they are looked
for at the head of the text and around the faults that were found. A text that is no longer than the head, as
people paste, is looked through for everything. Memory is bounded: one block, and a few lines of each signature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.scan.clean import LineCount, read_blocks
from keepwell.scan.searcher import Search, Searcher
from keepwell.scan.signature import Signature
from keepwell.scan.tally import Hit, Tally

#: Bytes at the head of a text that are looked through for everything.
HEAD_BYTES = 32 * 1024
#: Bytes before and after a fault that are looked through for context: some 40 lines each.
AROUND_BYTES = 4 * 1024
#: Bytes of context beyond the head that a text gets in all; common words cost a hundred times as much as rare ones.
CONTEXT_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a scan gave: hits by pattern, clean lines and bytes looked at, lines cut at the limit."""

    hits: Mapping[str, Hit]
    lines: int = 0
    size_bytes: int = 0
    cut_lines: int = 0


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
        self._faults = Searcher([one for one in signatures if one.rare and one.pattern in faults], matcher)
        self._context = Searcher([one for one in signatures if not (one.rare and one.pattern in faults)], matcher)

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """All hits in these bytes; how they are cut into chunks makes no difference."""
        tally = Tally(self._once)
        faults, context = Search(self._faults, tally), _Context(Search(self._context, tally))
        lines = size = cut = 0
        for block in read_blocks(chunks):
            data = block.data
            count = LineCount(data, lines)
            context.look(data, faults.look(data, (0, len(data)), count), lines)
            lines = count.all()
            size += len(data)
            cut += block.cut_lines
        return Scanned(hits=tally.hits(), lines=lines, size_bytes=size, cut_lines=cut)


class _Context:
    """The part of a text that is looked through for what means nothing by itself: its head, and around faults."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._left = CONTEXT_BYTES

    def look(self, data: bytes, faults: Sequence[int], before: int) -> None:
        """Look through the parts of a block that follows line `before`, with faults in the lines that start here."""
        first = not before
        if not first and (not faults or self._left <= 0):
            return
        count = LineCount(data, before)
        for start, stop in find_context(data, faults, head=first):
            is_head = first and not start
            if is_head or self._left > 0:
                self._left -= (stop - start) * (not is_head)
                self._search.look(data, (start, stop), count)


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
