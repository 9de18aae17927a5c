"""The shapes of lines that a miner keeps, and which of them are one template: a union of sets that grows step by step.

Each shape is noted under every place at which it could vary: the hash of its words before and after that place. Shapes
that meet there differ in this one word only. Pure; all is bounded by the caller, who decides how many shapes there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keepwell.templates.mask import STAR

#: Different values at one place that make it vary: words that look like data, plain words, words at the start.
DATA_WORDS, WORDS, FIRST_WORDS = 2, 5, 12
#: Words with letters that must be equal beside the place: fewer say too little.
EQUAL_WORDS = 2

#: Names with dots, slashes, hyphens, at signs within, and words that are masked in part.
_DATA = re.compile(r"[A-Za-z0-9_*][./\\@-][A-Za-z0-9_*]|\*.*[A-Za-z]|[A-Za-z].*\*")
_LETTER = re.compile(r"[^\W\d_]")
_SOLID = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One shape as it is kept: its text, how many lines it had, when the last one came (lines counted from the
    first), the index of the shape that stands for its template, and the places at which it was made to vary.
    """

    text: str
    count: int
    seen: int
    root: int
    places: tuple[int, ...] = ()


class Shapes:
    """Shapes by number, in the order they came. `counts` and `seen` are written by the miner, line by line."""

    __slots__ = ("_made", "_masks", "_parents", "_places", "counts", "seen", "texts")

    def __init__(self, kept: Sequence[Shape] = ()) -> None:
        self.texts = [one.text for one in kept]
        self.counts = [one.count for one in kept]
        self.seen = [one.seen for one in kept]
        self._parents = [one.root for one in kept]
        self._masks = {one.text: index for index, one in enumerate(kept)}
        self._made: dict[int, tuple[int, ...]] = {index: one.places for index, one in enumerate(kept) if one.places}
        self._places: dict[int, dict[str, int] | int] = {}
        for shape, text in enumerate(self.texts):
            words = text.split(" ")
            for index, key in _places(words):
                values = self._places.setdefault(key, {})
                if isinstance(values, dict):
                    values[words[index]] = shape
        for shape, indexes in self._made.items():
            keys = dict(_places(self.texts[shape].split(" ")))
            self._places.update({keys[index]: shape for index in indexes if index in keys})

    def __len__(self) -> int:
        return len(self.texts)

    def kept(self) -> tuple[Shape, ...]:
        """All of them, as `Shapes` takes them to go on later."""
        rows = zip(self.texts, self.counts, self.seen, strict=True)
        return tuple(
            Shape(text=text, count=count, seen=seen, root=self.root(shape), places=self._made.get(shape, ()))
            for shape, (text, count, seen) in enumerate(rows)
        )

    def root(self, shape: int) -> int:
        """The shape that stands for the template that this one belongs to by now."""
        parents = self._parents
        while parents[shape] != shape:
            parents[shape] = parents[parents[shape]]
            shape = parents[shape]
        return shape

    def find(self, mask: str) -> int | None:
        """The shape that a mask is, or the template that it fits but for one place that varies; None for neither."""
        shape = self._masks.get(mask)
        if shape is None:
            shape = next(iter(self._fits(_places(mask.split(" ")))), None)
        if shape is None:
            return None
        return self.root(shape)

    def insert(self, mask: str) -> int:
        """The shape that this mask is or fits, or a new one. What fits several templates shows that they are one."""
        shape = self._masks.get(mask)
        if shape is not None:
            return shape
        words = mask.split(" ")
        places = tuple(_places(words))
        fits = self._fits(places)
        for other in fits[1:]:
            self._unite(fits[0], other)
        if fits:
            return self.root(fits[0])
        return self._new(mask, words, places)

    def _new(self, mask: str, words: Sequence[str], places: Iterable[tuple[int, int]]) -> int:
        shape = len(self.texts)
        self._masks[mask] = shape
        self.texts.append(mask)
        self.counts.append(0)
        self.seen.append(0)
        self._parents.append(shape)
        for index, key in places:
            values = self._places.setdefault(key, {})
            if isinstance(values, int):
                self._unite(shape, values)
                continue
            values[words[index]] = shape
            if len(values) >= _enough(values, index):
                self._vary(words, index, key, shape)
        return shape

    def _vary(self, words: Sequence[str], index: int, key: int, shape: int) -> None:
        """Make one template of all that were noted at a place."""
        values = self._places[key]
        starred = [*words[:index], STAR, *words[index + 1 :]]
        self._places[key] = shape
        merged = self._masks.get(" ".join(starred))
        if merged is None:
            merged = self._new(" ".join(starred), starred, _places(starred))
        self._places[key] = merged
        self._made[merged] = (*self._made.get(merged, ()), index)
        if isinstance(values, dict):
            for one in values.values():
                self._unite(merged, one)

    def _fits(self, places: Iterable[tuple[int, int]]) -> list[int]:
        found = (self._places.get(key) for _, key in places)
        return [one for one in found if isinstance(one, int)]

    def _unite(self, one: int, other: int) -> None:
        """The text with more stars stands for both; of equals the one that came first."""
        first, second = self.root(one), self.root(other)
        if first != second:
            first, second = sorted((first, second), key=self._standing)
            self._parents[second] = first

    def _standing(self, shape: int) -> tuple[int, int]:
        return -self.texts[shape].count(STAR), shape


def drop_older(kept: Sequence[Shape]) -> tuple[Shape, ...]:
    """The half that was seen last; a template is as young as its youngest line. Lines of what goes are not counted."""
    last: dict[int, int] = {}
    for one in kept:
        last[one.root] = max(one.seen, last.get(one.root, 0))
    ages = [
        last.get(one.root, 0) * (bool(one.places) or one.root == index) or one.seen for index, one in enumerate(kept)
    ]
    middle = sorted(ages)[len(ages) // 2]
    stay = [index for index, age in enumerate(ages) if age > middle]
    moved = {old: new for new, old in enumerate(stay)}
    return tuple(
        Shape(
            text=kept[old].text,
            count=kept[old].count,
            seen=kept[old].seen,
            root=moved[kept[old].root],
            places=kept[old].places,
        )
        for old in stay
    )


def _places(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where these words could vary: the index of each word, and the hash of all others."""
    letters = [_LETTER.search(word) is not None for word in words]
    left = sum(letters) - EQUAL_WORDS
    for index, has in enumerate(letters):
        if left - has >= 0:
            yield index, hash((tuple(words[:index]), tuple(words[index + 1 :])))


def _enough(values: Iterable[str], index: int) -> int:
    """How many different values make this place vary; more than there can be where none has a letter or digit."""
    needs = [_needed(word, index) for word in values if _SOLID.search(word)]
    return max(needs, default=FIRST_WORDS + 1)


def _needed(word: str, index: int) -> int:
    if _DATA.search(word):
        return DATA_WORDS
    return (WORDS, FIRST_WORDS)[index == 0]
