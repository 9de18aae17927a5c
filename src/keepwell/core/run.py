"""Run and Item: one crash-safe sequence of work, resumable after kill -9.

Every long job is a run of items (plan execution now; batch, bench, backup, incident later). The states are
pure data; `keepwell.store.journal` keeps them on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ItemState: TypeAlias = Literal["pending", "begun", "done", "undoing", "undone", "failed"]

#: Kinds of runs that are carried out and taken back: a plan, a gateway's step to another, a store that moves.
PLAN, SWITCH, MIGRATE = "plan", "switch", "migrate"

#: The states that may follow each state.
FOLLOWS: dict[ItemState, frozenset[ItemState]] = {
    "pending": frozenset({"begun"}),
    "begun": frozenset({"begun", "done", "failed", "undoing"}),
    "done": frozenset({"undoing"}),
    "undoing": frozenset({"undoing", "undone", "failed"}),
    "undone": frozenset(),
    "failed": frozenset({"begun", "undoing"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of a run: its key (unique in the run), state, number of attempts and last word."""

    key: str
    state: ItemState = "pending"
    attempts: int = 0
    detail: str = ""

    def moved(self, state: ItemState, detail: str = "") -> Item:
        """A copy in the next state; raises ValueError if that state may not follow."""
        if state not in FOLLOWS[self.state]:
            raise ValueError(f"item {self.key}: {state} may not follow {self.state}")
        return Item(key=self.key, state=state, attempts=self.attempts + (state == "begun"), detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run: what kind, who asked, when (seconds since the epoch), and its items in order."""

    id: str
    kind: str
    asked_by: str
    created_at: float
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An item in a new state, and since when (seconds since the epoch)."""

    at: float
    item: Item
