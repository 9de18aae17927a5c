"""The run of one plan as it stands: which change has begun, is done, is undone. Written down before and after each."""

from __future__ import annotations

from typing import Protocol

from keepwell.core.run import Item, ItemState, Run
from keepwell.core.step import Plan

#: The item that stands for asking the check again.
CHECK_KEY = "check"


class Journal(Protocol):
    """Where states are kept; a state is durable when `record` returns. One writer a run."""

    def record(self, run_id: str, item: Item) -> None:
        """Keep an item's new state."""
        ...


class Ledger:
    """The items of a run in memory, each move of them journalled first. Owns the run while it is applied or undone."""

    def __init__(self, run: Run, journal: Journal) -> None:
        self._run = run
        self._journal = journal
        self._items = {item.key: item for item in run.items}

    @property
    def run(self) -> Run:
        """The run as it stands."""
        made = self._run
        return Run(
            id=made.id,
            kind=made.kind,
            asked_by=made.asked_by,
            created_at=made.created_at,
            items=tuple(self._items.values()),
        )

    def get(self, key: str) -> Item:
        """The item of this key; KeyError if the run has none."""
        return self._items[key]

    def state(self, key: str) -> ItemState:
        """Where the item of this key stands."""
        return self._items[key].state

    def move(self, key: str, state: ItemState, detail: str = "") -> None:
        """Journal the item's next state; ValueError if it may not follow."""
        item = self._items[key].moved(state, detail)
        self._journal.record(self._run.id, item)
        self._items[key] = item


def plan_items(plan: Plan) -> tuple[Item, ...]:
    """The items of a new run of this plan: its changes in order, what activates them, and the check."""
    changes = [Item(key=change_key(number)) for number in range(len(plan.changes))]
    activations = [Item(key=activation_key(number)) for number in range(len(plan.activate))]
    return (*changes, *activations, Item(key=CHECK_KEY))


def change_key(number: int) -> str:
    """The key of a plan's change, counted from 0."""
    return f"change {number}"


def activation_key(number: int) -> str:
    """The key of what makes a plan take effect, counted from 0."""
    return f"activate {number}"
