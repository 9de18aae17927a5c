"""The Prometheus text format, read again and again from the same page: what a line means is worked out once.

A page changes its numbers only: the name and labels before each of them are the same bytes every time. So they are
looked up as they stand, and only a line that was never seen is taken apart. `keepwell.formats.exposition` reads a
page once and gives names and labels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from keepwell.formats.exposition import MAX_SAMPLES, parse_labels

Meaning = TypeVar("Meaning")

_NAME = rb"^([a-zA-Z_:][a-zA-Z0-9_:]*)"
#: Quoted values may hold braces.
_LABELS = rb'(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?'
#: All of a line but its number.
_HEAD = re.compile(_NAME + _LABELS + rb"$")
#: A line with other blanks than one, or an instant or an example behind its number.
_LONG = re.compile(rb"(" + _NAME[1:] + _LABELS + rb")\s+(\S+)(?:\s|$)")
#: Heads that are kept of one page. One with more distinct lines over time has labels that it should not have; what is
#: beyond is worked out anew each time.
MAX_HEADS = 20_000


class PageReader(Generic[Meaning]):
    """Reads one page. `find_meaning` is asked once for each name with its labels; None: of no interest."""

    def __init__(self, find_meaning: Callable[[str, Mapping[str, str]], Meaning | None]) -> None:
        self._find_meaning = find_meaning
        self._known: dict[bytes, Meaning | None] = {}

    def read(self, body: bytes) -> Iterator[tuple[Meaning, float]]:
        """Every finite number that means something, in the order of the page. Never raises on what a page says."""
        known, isfinite = self._known, math.isfinite
        for line in body.split(b"\n", MAX_SAMPLES)[:MAX_SAMPLES]:
            head, _, tail = line.rpartition(b" ")
            try:
                meaning = known[head]
            except KeyError:
                meaning, tail = self._learn(line, head, tail)
            if meaning is None:
                continue
            try:
                value = float(tail)
            except ValueError:
                continue
            if isfinite(value):
                yield meaning, value

    def _learn(self, line: bytes, head: bytes, tail: bytes) -> tuple[Meaning | None, bytes]:
        """What a line means that was not seen before, and its number."""
        if line.startswith(b"#"):
            self._keep(head, None)
            return None, tail
        found = _HEAD.match(head)
        if found is not None:
            return self._find(head, found[1], found[2]), tail
        found = _LONG.match(line)
        if found is None:
            return None, tail
        if found[1] in self._known:
            return self._known[found[1]], found[4]
        return self._find(found[1], found[2], found[3]), found[4]

    def _find(self, head: bytes, name: bytes, labels: bytes | None) -> Meaning | None:
        text = (labels or b"").decode("utf-8", "replace")
        meaning = self._find_meaning(name.decode("ascii"), parse_labels(text))
        self._keep(head, meaning)
        return meaning

    def _keep(self, head: bytes, meaning: Meaning | None) -> None:
        if len(self._known) < MAX_HEADS:
            self._known[head] = meaning
