"""Finds templates in a stream of log lines: one configuration for every kind of log, bounded, and the order of the
lines is all that counts (how they are cut into calls changes nothing). Pure.

Two steps. A line's *shape* is its mask (see `mask`): that alone tells most lines apart. Shapes that differ in one
word only are one template once that word has shown enough different values: two where the values look like data,
more where they are plain words, most at the start of a line, where words are seldom data (see `shapes`). The merged
shape is looked at again with that word as a star, so that lines that vary in several words come together step by
step. This is the tree of Drain without its fixed depth and its similarity, and the counting by position of Brain
without the need to see the whole file first. A shape that fits a template is not kept itself: names of users or
hosts, however many, take no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from keepwell.templates.mask import Masker, finish, flatten
from keepwell.templates.shapes import Shape, Shapes, drop_older

#: Shapes that are kept; the older half goes when they are more. A busy server's log has some hundreds.
SHAPES = 5_000
#: Lines that are looked up before they are read: as many as differ by more than numbers in a busy log.
KEPT_LINES = 20_000
#: Lines whose numbers are made 0 at once.
BATCH_LINES = 1_000
#: Words of a line that are compared; the rest is cut off.
SHAPE_WORDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One kind of line: its text with `*` for what varies, and how many lines of it there were."""

    text: str
    count: int


class Miner:
    """Groups lines as they come. `add` gives each line a ticket; `find` says which template a ticket belongs to now.

    Templates merge as more is seen, so a ticket is resolved when it is used. At most about `most` shapes are kept:
    when there are more, the half that was not seen for longest is forgotten, and tickets given before resolve to "".
    Costs 3 to 10 microseconds a line.
    """

    __slots__ = ("_base", "_clock", "_joined", "_lines", "_masker", "_most", "_shapes")

    def __init__(self, most: int = SHAPES, kept: Sequence[Shape] = ()) -> None:
        self._most = most
        self._masker = Masker()
        self._shapes = Shapes(kept)
        self._lines: dict[str, int] = {}
        self._joined: dict[str, int] = {}
        self._base = 0
        self._clock = max((one.seen for one in kept), default=0)

    def add(self, lines: Iterable[str]) -> list[int]:
        """A ticket for each line, in order. A line break within a line counts as a space."""
        source = iter(lines)
        tickets: list[int] = []
        while batch := list(islice(source, BATCH_LINES)):
            tickets += self._add(flatten(batch))
        return tickets

    def find(self, ticket: int) -> str:
        """The text of the template that this ticket belongs to by now; "" if it was forgotten."""
        if ticket < self._base:
            return ""
        return self._shapes.texts[self._shapes.root(ticket - self._base)]

    def match(self, lines: Sequence[str]) -> list[str]:
        """The text of the template that each line would belong to, "" for a line of a new kind; learns nothing."""
        known: dict[str, str] = {}
        found = []
        for flat in flatten(lines):
            text = known.get(flat)
            if text is None:
                shape = self._shapes.find(self._mask(self._masker.join(flat)))
                text = known[flat] = "".join(self._shapes.texts[one] for one in (shape,) if one is not None)
            found.append(text)
        return found

    def templates(self) -> tuple[Template, ...]:
        """All templates with their counts, the commonest first; what was forgotten is not counted."""
        counts: dict[int, int] = {}
        for shape, count in enumerate(self._shapes.counts):
            root = self._shapes.root(shape)
            counts[root] = counts.get(root, 0) + count
        made = [Template(text=self._shapes.texts[root], count=count) for root, count in counts.items() if count]
        return tuple(sorted(made, key=attrgetter("count"), reverse=True))

    def kept(self) -> tuple[Shape, ...]:
        """What is enough to go on later: `Miner(most, kept)` does the same from here on as this one."""
        return self._shapes.kept()

    def _add(self, lines: Iterable[str]) -> Iterator[int]:
        known = self._lines
        counts, seen = self._shapes.counts, self._shapes.seen
        for flat in lines:
            shape = known.get(flat)
            if shape is None:
                shape = self._read(flat)
                counts, seen = self._shapes.counts, self._shapes.seen
            self._clock += 1
            counts[shape] += 1
            seen[shape] = self._clock
            yield shape + self._base

    def _read(self, flat: str) -> int:
        """The shape of a line that was not seen like this before."""
        joined = self._masker.join(flat)
        shape = self._joined.get(joined)
        if shape is None:
            if len(self._shapes) >= self._most:
                self._forget()
            shape = self._shapes.insert(self._mask(joined))
            if len(self._joined) >= KEPT_LINES:
                self._joined.clear()
            self._joined[joined] = shape
        if len(self._lines) >= KEPT_LINES:
            self._lines.clear()
        self._lines[flat] = shape
        return shape

    def _forget(self) -> None:
        self._base += len(self._shapes)
        self._shapes = Shapes(drop_older(self._shapes.kept()))
        self._lines.clear()
        self._joined.clear()

    def _mask(self, joined: str) -> str:
        return " ".join(finish(joined).split(" ")[:SHAPE_WORDS])
