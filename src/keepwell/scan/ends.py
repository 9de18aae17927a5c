"""Where leads are cut, so that Hyperscan takes few places of an ordinary log for a possible match.

Hyperscan filters by the last eight bytes of each text (its FDR engine). It puts the texts into a few buckets,
sorted by their ends, and notes for each of the eight places of a bucket which pairs of bytes stand there in any
text. In a log it looks up every second pair; where four in a row each stand in some text of one bucket, the
texts themselves must be compared. With 1,500 texts that end anywhere this happens at every eleventh byte of
ordinary English, and costs more than all else.

A lead need not be looked for to its end: where its beginning stands, the line is looked at anyway. So each is
cut where its last bytes bring the fewest such places into the text that is written while all is well. Measured:
a fifth faster on made logs, two fifths on recorded ones. Any choice finds the same.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable
from functools import reduce
from itertools import pairwise
from operator import and_, itemgetter, or_
from typing import TypeAlias

#: Bytes at a text's end that Hyperscan filters by.
WINDOW = 8
#: A lead is not cut shorter than this: its first words alone would lead to too many lines.
LEAST_CHARS = 10
#: Nor after fewer characters of a word than this: "model is r" would lead to all residents.
WORD_CHARS = 4
#: Buckets that Hyperscan has.
BUCKETS = 8
#: Bytes of ordinary text that are tried: more make the choice slower, not better.
TRIED_BYTES = 24_000

# Of the second byte of a pair Hyperscan compares five bits (13 in all for thousands of texts).
_LOW_BITS = 31
_SHORT_WORD = re.compile(rf"[^\w]\w{{1,{WORD_CHARS - 1}}}\Z")
_DIGITS = str.maketrans("123456789", "000000000")
#: A set of places in the tried text, as the bits of one number.
_Places: TypeAlias = int


def cut_leads(leads: Collection[str], ordinary: Iterable[str]) -> dict[str, str]:
    """The beginning of each lead that is looked for in its stead; short ones stay whole. Costs half a second.

    `ordinary` are lower-case lines that are written while all is well; no cut lead ends in eight bytes of them.
    """
    text = _pick_text(ordinary)
    cuts = {lead: _find_cuts(lead, text) for lead in leads if fills_window(lead)}
    chosen = {lead: lead for lead in leads}
    pairs = _Pairs(text)
    ends = sorted({_reversed_end(lead) for lead in cuts})
    bounds = [ends[len(ends) * one // BUCKETS] for one in range(1, BUCKETS) if ends]
    buckets = [_Bucket() for _ in range(BUCKETS)]
    taken: set[bytes] = set()
    for _, lead in sorted((len(found), lead) for lead, found in cuts.items()):
        shared = [cut for cut in cuts[lead] if _reversed_end(cut) in taken]
        if shared:
            chosen[lead] = shared[0]
            continue
        tried = []
        for order, cut in enumerate(cuts[lead]):
            bucket = buckets[bisect_right(bounds, _reversed_end(cut))]
            tried.append((bucket.count_more(pairs.find(cut)), order, cut, bucket))
        _, _, cut, bucket = min(tried, key=itemgetter(0, 1))
        bucket.add(pairs.find(cut))
        taken.add(_reversed_end(cut))
        chosen[lead] = cut
    return chosen


def fills_window(lead: str) -> bool:
    """True for a text by whose last bytes Hyperscan can sort out places; 180 shorter ones among 1,900 cost a fifth."""
    return len(lead.encode()) >= WINDOW


def _find_cuts(lead: str, text: bytes) -> list[str]:
    """The lead's beginnings that may stand for it, the longest first."""
    lengths = range(len(lead) - 1, LEAST_CHARS - 1, -1)
    cuts = [cut for cut in (lead[:length] for length in lengths) if cut.encode()[-WINDOW:] not in text]
    return [lead, *(cut for cut in cuts if not _SHORT_WORD.search(cut))]


def _pick_text(ordinary: Iterable[str]) -> bytes:
    """Lines of different shapes, as many as are tried."""
    shapes = {line.translate(_DIGITS): line for line in ordinary}
    return "\n".join(shapes.values()).encode()[:TRIED_BYTES]


def _reversed_end(cut: str) -> bytes:
    return cut.encode()[-WINDOW:][::-1]


class _Pairs:
    """Where in a text each pair of bytes stands."""

    def __init__(self, text: bytes) -> None:
        size = len(text) // 8 + 1
        places: dict[tuple[int, int], bytearray] = {}
        for at, (first, second) in enumerate(pairwise(text)):
            row = places.setdefault((first, second & _LOW_BITS), bytearray(size))
            row[at >> 3] |= 1 << (at & 7)
        self._pairs = {pair: int.from_bytes(row, "little") for pair, row in places.items()}
        self._single: dict[int, _Places] = {}
        for (first, _), bits in self._pairs.items():
            self._single[first] = self._single.get(first, 0) | bits

    def find(self, cut: str) -> tuple[_Places, ...]:
        """For each byte of the cut's end, the last first: the ends of texts that have its pair there."""
        end = cut.lower().encode()[-WINDOW:]
        last = self._single.get(end[-1], 0)
        rest = (self._pairs.get((end[-back - 1], end[-back] & _LOW_BITS), 0) << back for back in range(1, WINDOW))
        return (last, *rest)


class _Bucket:
    """Where the texts of a bucket make Hyperscan look closer: at ends that all its pairs, odd or even, allow."""

    def __init__(self) -> None:
        self._places: tuple[_Places, ...] = (0,) * WINDOW
        self._looks = 0

    def count_more(self, added: tuple[_Places, ...]) -> int:
        """How many more places a text with these pairs would bring."""
        return _count_looks(self._with(added)) - self._looks

    def add(self, added: tuple[_Places, ...]) -> None:
        """Put a text with these pairs in."""
        self._places = self._with(added)
        self._looks = _count_looks(self._places)

    def _with(self, added: tuple[_Places, ...]) -> tuple[_Places, ...]:
        return tuple(map(or_, self._places, added))


def _count_looks(places: tuple[_Places, ...]) -> int:
    return reduce(and_, places[::2]).bit_count() + reduce(and_, places[1::2]).bit_count()
