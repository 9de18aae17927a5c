"""Entry: a text that can be found again, and Near: how near it is to what was asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A text that can be found: its own id, the issue that it tells of, its words.

    Several entries may tell of one issue: the catalogue's text of it, and each incident that was closed with it.
    """

    id: str
    issue: str
    text: str


@dataclass(frozen=True, slots=True)
class Near:
    """An entry that was found: how alike its words and its letters are to the text's, each 0..1 (1: the same).

    `score` is the mean of the two; all three mean the same for every question.
    """

    entry: Entry
    words: float
    letters: float

    @property
    def score(self) -> float:
        """One number for both."""
        return (self.words + self.letters) / 2


def best_by_issue(found: list[Near]) -> list[Near]:
    """The nearest entry of each issue, in the order given."""
    kept: dict[str, Near] = {}
    for one in found:
        kept.setdefault(one.entry.issue, one)
    return list(kept.values())
