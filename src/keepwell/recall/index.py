"""Index: entries made ready to be found, by stems and by letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter

from keepwell.recall.entry import Entry, Near
from keepwell.recall.fts import make_ranker
from keepwell.recall.fusion import fuse
from keepwell.recall.query import QUERY_WORDS, find_words, split_words

#: Tokenizers and the share of each in the score: stems carry most, letters find misspelt and joined words.
TOKENIZERS: Mapping[str, float] = {"porter": 0.6, "trigram": 0.4}


class Index:
    """Entries that can be searched; making one costs a few milliseconds for a hundred entries.

    The same entries and the same question give the same answer. Safe to keep; it holds no file open.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        texts = [" ".join(word for line in one.text.splitlines() for word in split_words(line)) for one in self.entries]
        self._rankers = [make_ranker(texts, tokenizer) for tokenizer in TOKENIZERS]
        self._known = frozenset(word for text in texts for word in text.split())

    def search(self, text: str, limit: int = 10) -> list[Near]:
        """The entries nearest to a text, nearest first, at most `limit`; [] when no word of it is known."""
        words = self._choose(find_words(text))
        if not words:
            return []
        fused = fuse([ranker.rank(words) for ranker in self._rankers], list(TOKENIZERS.values()))
        order = sorted(fused.items(), key=itemgetter(0))
        order.sort(key=itemgetter(1), reverse=True)
        return [Near(self.entries[number], score) for number, score in order[:limit] if score > 0]

    def _choose(self, words: Mapping[str, float]) -> dict[str, float]:
        """The words that tell most: known ones first, those of error lines first."""
        order = sorted(words.items(), key=itemgetter(1), reverse=True)
        known = [pair for pair in order if pair[0] in self._known]
        other = [pair for pair in order if pair[0] not in self._known]
        return dict([*known, *other][:QUERY_WORDS])
