"""Finds signatures in a stream of bytes: which, where first, how often.

A signature hits a line when Python's `re` finds it in the clean line (see `clean`, `pattern`); texts that such
a line must hold (see `signature`) lead to it at memory speed. Signatures that tell of a fault are looked for
everywhere by their rare texts. Those of common words ("GPU", "time out"), and short ones ("killed"), are context:
they are looked for at the head of the text, at its end, and around the faults that were found. A text that is no
longer than the head, as people paste, is looked through for everything. Memory is bounded: one block, and a few
lines of each signature.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from keepwell.scan.clean import LineCount, read_blocks
from keepwell.scan.ends import fills_window
from keepwell.scan.searcher import Search, Searcher
from keepwell.scan.signature import Signature
from keepwell.scan.tally import Hit, Tally, merge_hits

#: Bytes at the head of a text that are looked through for everything.
HEAD_BYTES = 32 * 1024
#: Bytes before and after a fault that are looked through for context: some 40 lines each.
AROUND_BYTES = 4 * 1024
#: Bytes at the end of a longer text that are looked through for everything: what a process said last.
TAIL_BYTES = 8 * 1024
#: Bytes of context around faults that a text gets in all; common words cost a hundred times as much as rare ones.
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
        everywhere: list[Signature] = []
        context: list[Signature] = []
        for one in signatures:
            leads = tuple(lead for lead in one.leads if one.rare and one.pattern in faults and fills_window(lead))
            everywhere += [replace(one, leads=leads)] * bool(leads)
            rest = tuple(lead for lead in one.leads if lead not in leads)
            context += [replace(one, leads=rest)] * bool(rest or not leads)
        self._faults, self._context = Searcher(everywhere, matcher), Searcher(context, matcher)

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """All hits in these bytes; how they are cut into chunks makes no difference."""
        faults = Search(self._faults, Tally(self._once))
        context = _Context(Search(self._context, Tally(self._once)), faults.added)
        lines = before = size = cut = 0
        data = b""
        for block in read_blocks(chunks):
            data = block.data
            count = LineCount(data, lines)
            context.look(data, faults.look(data, (0, len(data)), count), lines)
            before, lines = lines, count.all()
            size += len(data)
            cut += block.cut_lines
        if data:
            context.look_last(data, before)
        hits = merge_hits(faults.tally.hits(), context.search.tally.hits(), self._once)
        return Scanned(hits=hits, lines=lines, size_bytes=size, cut_lines=cut)


class _Context:
    """The parts of a text that are looked through for what means little by itself: its ends, and around faults.

    A signature may be looked for in both ways, by different leads: a line that both find counts once, which is why
    `besides` holds what was found in this block before.
    """

    def __init__(self, search: Search, besides: Container[tuple[int, str]]) -> None:
        self.search = search
        self._besides = besides
        self._left = CONTEXT_BYTES
        self._looked = 0

    def look(self, data: bytes, faults: Sequence[int], before: int) -> None:
        """Look through the parts of a block that follows line `before`, with faults in the lines that start here."""
        self._looked = 0
        first = not before
        if not first and (not faults or self._left <= 0):
            return
        count = LineCount(data, before)
        for start, stop in find_context(data, faults, head=first):
            is_head = first and not start
            if is_head or self._left > 0:
                self._left -= (stop - start) * (not is_head)
                self.search.look(data, (start, stop), count, self._besides)
                self._looked = stop

    def look_last(self, data: bytes, before: int) -> None:
        """Look through the end of the last block, which was given to `look` before."""
        start = max(self._looked, data.rfind(b"\n", 0, max(0, len(data) - TAIL_BYTES)) + 1)
        if start < len(data):
            self.search.look(data, (start, len(data)), LineCount(data, before), self._besides)


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
