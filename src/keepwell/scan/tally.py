"""What was found of each signature: its first lines, and how many there are."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from operator import attrgetter

#: Lines kept of each signature: a few tell a cause from its follow-ups; more would only cost memory.
KEPT_LINES = 8
#: Lines counted of each signature: of a hundred thousand the exact number tells nothing more.
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
    """One signature in one text: its first lines (at most `KEPT_LINES`) and the count of all.

    Counting stops at `COUNTED_LINES`, and at the first line of signatures of which only the presence matters.
    """

    pattern: str
    lines: tuple[Line, ...]
    count: int

    @property
    def first(self) -> Line:
        """The first line that it matched."""
        return self.lines[0]


class Tally:
    """Counts hits and keeps the first few lines of each signature. `full` are those that are done with."""

    def __init__(self, once: frozenset[str]) -> None:
        self.full: set[str] = set()
        self._once = once
        self._lines: dict[str, list[Line]] = {}
        self._count: dict[str, int] = {}

    def add(self, pattern: str) -> bool:
        """Count a hit; True if its line is to be kept."""
        count = self._count[pattern] = self._count.get(pattern, 0) + 1
        if count == COUNTED_LINES or pattern in self._once:
            self.full.add(pattern)
        return count <= KEPT_LINES

    def keep(self, pattern: str, number: int, line: bytes) -> None:
        """Keep the line of the hit that was counted last."""
        text = line.decode("utf-8", "replace")[:KEPT_CHARS]
        self._lines.setdefault(pattern, []).append(Line(number, text))

    def hits(self) -> dict[str, Hit]:
        """All hits by pattern, in the order of the patterns."""
        return {
            pattern: Hit(pattern=pattern, lines=tuple(lines), count=self._count[pattern])
            for pattern, lines in sorted(self._lines.items())
        }


def merge_hits(first: Mapping[str, Hit], second: Mapping[str, Hit], once: Container[str]) -> dict[str, Hit]:
    """The hits of two tallies of one text, no line of which both have; of signatures in `once` the first line."""
    merged = {**first, **second}
    for pattern in first.keys() & second.keys():
        one, other = first[pattern], second[pattern]
        lines = sorted((*one.lines, *other.lines), key=attrgetter("number"))
        most = {True: (1, 1), False: (KEPT_LINES, COUNTED_LINES)}[pattern in once]
        count = min(one.count + other.count, most[1])
        merged[pattern] = Hit(pattern=pattern, lines=tuple(lines[: most[0]]), count=count)
    return dict(sorted(merged.items()))
