"""Full-text ranking by SQLite FTS5 in memory, and the same by hand where this SQLite lacks it.

A score is the share of the best that any text could have got: the BM25 of the words asked for, divided by what
a text that holds each of them often would get. So it stays within 0..1 and means the same for every question.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

#: BM25's saturation and length shares; FTS5 has these two built in.
K1, B = 1.2, 0.75
_PLAIN = re.compile(r"\w{2,}")


class Ranker(Protocol):
    """Ranks texts, numbered from 0, by how well they fit some words."""

    def rank(self, words: Mapping[str, float]) -> dict[int, float]:
        """Scores 0..1 of the texts that hold any of these words (each with what it counts for)."""
        ...


def make_ranker(texts: Sequence[str], tokenizer: str) -> Ranker:
    """A ranker by an FTS5 tokenizer ("porter", "trigram"), or a plain one where SQLite has none such."""
    try:
        return _Fts(texts, tokenizer)
    except sqlite3.OperationalError:
        return Plain(texts)


class _Fts:
    """One FTS5 table in memory. Weights of words are honoured by asking once for each weight."""

    def __init__(self, texts: Sequence[str], tokenizer: str) -> None:
        self._base = sqlite3.connect(":memory:", check_same_thread=False)
        self._base.execute(f"CREATE VIRTUAL TABLE entries USING fts5(text, tokenize='{tokenizer}')")
        self._base.executemany("INSERT INTO entries (rowid, text) VALUES (?, ?)", enumerate(texts, start=1))
        self._size = len(texts)

    def rank(self, words: Mapping[str, float]) -> dict[int, float]:
        scores: dict[int, float] = {}
        for share in sorted(set(words.values())):
            asked = " OR ".join(f'"{word}"' for word, one in words.items() if one == share)
            for number, score in self._base.execute(
                "SELECT rowid, bm25(entries) FROM entries WHERE entries MATCH ?", (asked,)
            ):
                scores[number - 1] = scores.get(number - 1, 0.0) - share * score
        best = _ceiling(words, self._size)
        return {number: max(0.0, min(1.0, score / best)) for number, score in scores.items()}


class Plain:
    """BM25 over whole words in plain Python: slower, no stems, always there."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(_PLAIN.findall(text.lower())) for text in texts]
        self._mean = sum(sum(one.values()) for one in self._counts) / max(1, len(texts)) or 1.0
        self._holding: Counter[str] = Counter(word for one in self._counts for word in one)

    def rank(self, words: Mapping[str, float]) -> dict[int, float]:
        """As FTS5 ranks, over whole words."""
        best = _ceiling(words, len(self._counts))
        scores: dict[int, float] = {}
        for number, counts in enumerate(self._counts):
            length = sum(counts.values()) / self._mean
            score = sum(share * self._worth(word, counts[word], length) for word, share in words.items())
            if score > 0:
                scores[number] = min(1.0, score / best)
        return scores

    def _worth(self, word: str, count: int, length: float) -> float:
        if not count:
            return 0.0
        holding = self._holding[word]
        rarity = math.log((len(self._counts) - holding + 0.5) / (holding + 0.5))
        return max(1e-6, rarity) * count * (K1 + 1) / (count + K1 * (1 - B + B * length))


def _ceiling(words: Mapping[str, float], size: int) -> float:
    """What a text would get at most that holds each word, and alone does."""
    return max(1e-9, sum(words.values()) * (K1 + 1) * max(1.0, math.log(size + 1)))
