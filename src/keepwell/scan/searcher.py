"""Looks for some signatures in a block of clean lines.

A matcher finds the leads, and thereby the lines that may hold a signature. A lead of common words leads to fifty
signatures; which of them can be in its line is asked text by text, each once, before `re` is asked about any.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Sequence, Set
from itertools import accumulate
from typing import TypeAlias

from keepwell.scan.clean import LineCount
from keepwell.scan.lines import make_line_matcher
from keepwell.scan.matchers import make_matcher
from keepwell.scan.pattern import matches_line
from keepwell.scan.signature import Signature
from keepwell.scan.tally import Tally
from keepwell.scan.unwrap import HIDING, unwrap_line

#: Lines remembered, and the longest of them in bytes: a few megabytes at most.
KNOWN_LINES = 4096
KNOWN_BYTES = 1024

_NEWLINE = 10
# Texts and lines as one character a byte: `in` answers for them several times as fast as for bytes (CPython 3.11).
_BYTEWISE = "latin-1"
_Sets: TypeAlias = tuple[tuple[str, ...], ...]
#: A signature's pattern, and sets of texts of each of which a line must hold one.
_Candidate: TypeAlias = tuple[str, _Sets]
#: Candidates by a text that their line must hold; "" for those that ask for none.
_Asked: TypeAlias = tuple[tuple[str, tuple[_Candidate, ...]], ...]


class Searcher:
    """Some signatures, ready to be looked for; `matcher` as for `matchers.make_matcher`."""

    def __init__(self, signatures: Sequence[Signature], matcher: str = "") -> None:
        led: dict[str, dict[str, list[_Candidate]]] = {}
        self._leadless: list[_Candidate] = []
        for one in signatures:
            sets = tuple(tuple(_bytewise(text) for text in texts) for texts in (one.spelled, *one.sets) if texts)
            if not one.leads:
                self._leadless.append((one.pattern, sets))
            for lead in one.leads:
                asked = led.setdefault(lead, {})
                texts, others = _split_sets(_bytewise(lead), sets)
                for text in texts:
                    asked.setdefault(text, []).append((one.pattern, others))
        self._asked: list[_Asked] = [_freeze(asked) for asked in led.values()]
        self._hidden = len(led)
        self._matcher = make_matcher([*(lead.encode("utf-8") for lead in led), HIDING], matcher)
        self._lines = make_line_matcher([pattern for pattern, _ in self._leadless], matcher)

    def find_lines(self, data: bytes, part: tuple[int, int]) -> Iterable[tuple[int, Collection[int]]]:
        """Where lines start that may hold a signature, in order, each with the leads in it."""
        shift, end = part
        start, stop = shift, shift - 1
        found: dict[int, set[int]] = {}
        for place, lead in self._matcher.nominate(data[shift:end]):
            if place + shift > stop + 1:
                start = data.rfind(b"\n", 0, place + shift - 1) + 1
                stop = data.find(b"\n", start)
                found[start] = set()
            found[start].add(lead)
        if not self._leadless:
            return found.items()
        starts = accumulate((len(line) + 1 for line in data[shift:end].split(b"\n")[:-2]), initial=shift)
        return [(start, found.get(start, ())) for start in starts if data[start] != _NEWLINE]

    def find_patterns(self, line: bytes, leads: Collection[int], full: Set[str]) -> list[str]:
        """The signatures that a line with these leads matches, without those in `full`."""
        if self._hidden in leads:
            leads = {lead for _, lead in self._matcher.nominate(line)} - {self._hidden}
        lower = line.lower().decode(_BYTEWISE)
        found: set[str] = set()
        for lead in leads:
            for text, candidates in self._asked[lead]:
                if text in lower:
                    for pattern, sets in candidates:
                        if pattern not in full and pattern not in found and _holds_all(lower, sets):
                            found.add(pattern)
        found.update(pattern for pattern, sets in self._find_leadless(line) if _holds_all(lower, sets))
        return [pattern for pattern in found if matches_line(pattern, line)]

    def _find_leadless(self, line: bytes) -> Iterator[_Candidate]:
        if self._leadless:
            for one in self._lines.nominate(line):
                yield self._leadless[one]


class Search:
    """Signatures looked for in one text, block by block; what is found is added to the tally.

    Programs say the same over and over, in a traceback or in a loop: lines are remembered with what they matched.
    """

    def __init__(self, searcher: Searcher, tally: Tally) -> None:
        self.tally = tally
        self.added: set[tuple[int, str]] = set()
        self._searcher = searcher
        self._known: dict[bytes, tuple[bytes, list[str]]] = {}

    def look(
        self, data: bytes, part: tuple[int, int], count: LineCount, besides: Container[tuple[int, str]] = ()
    ) -> list[int]:
        """Add every hit in a part of a block, but those in `besides`; gives where lines start of which any was kept.

        What was added, kept or not, is in `added`: where each one's line starts, and the signature.
        """
        tally = self.tally
        kept: list[int] = []
        self.added.clear()
        for start, leads in self._searcher.find_lines(data, part):
            line, patterns = self._read(data[start : data.find(b"\n", start)], leads)
            for pattern in patterns:
                if pattern not in tally.full and (start, pattern) not in besides:
                    self.added.add((start, pattern))
                    if tally.add(pattern):
                        tally.keep(pattern, count.number(start), line)
                        kept.append(start)
        return kept

    def _read(self, raw: bytes, leads: Collection[int]) -> tuple[bytes, list[str]]:
        """The line as it was said, and what it matches of that which is still looked for."""
        known = self._known.get(raw)
        if known is None:
            line = unwrap_line(raw)
            known = line, self._searcher.find_patterns(line, leads, self.tally.full)
            if len(raw) <= KNOWN_BYTES:
                if len(self._known) == KNOWN_LINES:
                    self._known.clear()
                self._known[raw] = known
        return known


def _split_sets(lead: str, sets: _Sets) -> tuple[tuple[str, ...], _Sets]:
    """The texts of which a line with this lead must hold one, and the sets that are asked for after them.

    A signature's own text needs no second look. A shortened lead stands for those texts that it is in; one beyond
    ASCII may be written in JSON's way.
    """
    own, others = sets[0], sets[1:]
    if lead not in own:
        return tuple(text for text in own if lead in text or not text.isascii()), others
    if others:
        return others[0], others[1:]
    return ("",), ()


def _bytewise(text: str) -> str:
    return text.encode("utf-8").decode(_BYTEWISE)


def _freeze(asked: dict[str, list[_Candidate]]) -> _Asked:
    return tuple((text, tuple(candidates)) for text, candidates in asked.items())


def _holds_all(line: str, sets: _Sets) -> bool:
    """True if the line holds a text of each set."""
    for texts in sets:
        for text in texts:
            if text in line:
                break
        else:
            return False
    return True
