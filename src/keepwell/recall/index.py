"""Index: entries made ready to be found. Full-text search finds the few worth comparing, cosines say how alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TypeAlias

from keepwell.recall.entry import Entry, Near
from keepwell.recall.fts import make_full_text
from keepwell.recall.query import choose_lines, count_parts
from keepwell.recall.vectors import Vectors

#: Entries that are compared: a catalogue's are all, so that full-text search is asked only where incidents join them.
COMPARED = 160

#: How often each word and each group of letters stands in a text.
Counts: TypeAlias = tuple[Mapping[str, int], Mapping[str, int]]


class Index:
    """Entries that can be searched; making one costs about a millisecond an entry, less with what `count_text` gave.

    The same entries and the same question give the same answer. Safe to keep; it holds no file open.
    """

    def __init__(self, entries: Iterable[Entry], counted: Sequence[Counts] = ()) -> None:
        """`counted` are the counts of the first entries, if they are known."""
        self.entries = tuple(entries)
        parts = [*counted, *(count_text(one.text) for one in self.entries[len(counted) :])]
        self._words = Vectors([words for words, _ in parts])
        self._letters = Vectors([letters for _, letters in parts])
        self._spread = Counter(word for words, _ in parts for word in words)
        self.full_text = None
        if len(self.entries) > COMPARED:
            self.full_text = make_full_text([" ".join(Counter(words).elements()) for words, _ in parts])

    def search(self, text: str, limit: int = 10) -> list[Near]:
        """The entries nearest to a text, nearest first, at most `limit`; [] when no part of it is known."""
        asked = count_text(text)
        numbers = self._find(asked[0])
        words = self._words.compare(asked[0], numbers)
        letters = self._letters.compare(asked[1], numbers)
        found = [Near(self.entries[one], words[one], letters[one]) for one in numbers]
        found.sort(key=attrgetter("score"), reverse=True)
        return [one for one in found if one.score > 0][:limit]

    def compare(self, text: str, entry: Entry) -> Near:
        """How alike a text is to an entry that need not be one of these, what is rare being judged by these."""
        asked, other = count_text(text), count_text(entry.text)
        return Near(entry, self._words.alike(asked[0], other[0]), self._letters.alike(asked[1], other[1]))

    def _find(self, counts: Mapping[str, int]) -> list[int]:
        """The entries worth comparing."""
        if self.full_text is None:
            return list(range(len(self.entries)))
        rare = sorted((word for word in counts if word in self._spread), key=self._spread.__getitem__)
        strange = [word for word in counts if word not in self._spread]
        return sorted(self.full_text.find([*rare, *strange], COMPARED))


def count_text(text: str) -> Counts:
    """The counts of a text, or of the lines of it that tell most."""
    return count_parts(choose_lines(text))
