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
    """An entry that was found. `score` is 0..1 (1: a text like itself), comparable between questions."""

    entry: Entry
    score: float


def best_by_issue(found: list[Near]) -> list[Near]:
    """The nearest entry of each issue, in the order given."""
    kept: dict[str, Near] = {}
    for one in found:
        kept.setdefault(one.entry.issue, one)
    return list(kept.values())
