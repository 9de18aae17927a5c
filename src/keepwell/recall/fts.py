"""Finds the texts that are worth comparing, by SQLite's full-text search in memory: by stems and by letters."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

#: FTS5's own ways to cut a text: "porter" finds other forms of a word, "trigram" parts of one.
TOKENIZERS = ("porter", "trigram")
#: Words asked for at once; the rarest of a long text find what all of it would (measured: docs/accuracy.md).
ASKED_WORDS = 60
#: What is added to a rank before its inverse is summed: the usual constant of reciprocal rank fusion (Cormack 2009).
RANK_SHIFT = 60


class FullText:
    """Texts in an FTS5 table for each tokenizer, numbered from 0."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._base = sqlite3.connect(":memory:", check_same_thread=False)
        for name in TOKENIZERS:
            self._base.execute(f"CREATE VIRTUAL TABLE {name} USING fts5(text, tokenize='{name}')")
            self._base.executemany(f"INSERT INTO {name} (rowid, text) VALUES (?, ?)", enumerate(texts))

    def find(self, words: Sequence[str], limit: int) -> list[int]:
        """The texts that fit these words best, best first: both orders joined by the sums of their inverse ranks."""
        asked = " OR ".join(f'"{word}"' for word in words[:ASKED_WORDS])
        if not asked:
            return []
        sums: dict[int, float] = {}
        for name in TOKENIZERS:
            rows = self._base.execute(
                f"SELECT rowid FROM {name} WHERE text MATCH ? ORDER BY bm25({name}), rowid LIMIT ?", (asked, limit)
            )
            for rank, (number,) in enumerate(rows):
                sums[number] = sums.get(number, 0.0) + 1 / (RANK_SHIFT + rank)
        return sorted(sums, key=sums.__getitem__, reverse=True)[:limit]


def make_full_text(texts: Sequence[str]) -> FullText | None:
    """The texts made ready, or None where this Python's SQLite lacks FTS5 or its trigrams: then all are compared."""
    try:
        return FullText(texts)
    except sqlite3.OperationalError:
        return None
