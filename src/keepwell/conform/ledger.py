"""The run of one plan as it stands: which change has begun, is done, is undone. Written down before and after each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from keepwell.core.run import Item, ItemState, Run
from keepwell.core.step import Plan

#: The items beside changes: what is kept before the first one, asking the check again, and traffic around an engine.
BACKUP_KEY, CHECK_KEY = "backup", "check"
DRAIN_KEY, SMOKE_KEY, GIVE_BACK_KEY = "drain", "smoke", "give back"
#: How the keys of items begin that are files to be copied before anything is changed.
COPY = "copy "
#: States in which there is nothing to take back.
UNTOUCHED: frozenset[ItemState] = frozenset({"pending", "undone"})


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

    def has(self, key: str) -> bool:
        """Whether the run has such an item: runs of earlier releases lack some."""
        return key in self._items

    def state(self, key: str) -> ItemState:
        """Where the item of this key stands."""
        return self._items[key].state

    def move(self, key: str, state: ItemState, detail: str = "") -> None:
        """Journal the item's next state; ValueError if it may not follow."""
        item = self._items[key].moved(state, detail)
        self._journal.record(self._run.id, item)
        self._items[key] = item


def plan_items(plan: Plan, *, backup: bool = True) -> tuple[Item, ...]:
    """The items of a new run of this plan: a backup, traffic around its engine, its changes in order, what activates
    them, and the check.
    """
    keys = [BACKUP_KEY] * backup
    keys += [DRAIN_KEY] * (plan.engine is not None)
    keys += [change_key(number) for number in range(len(plan.changes))]
    keys += [activation_key(number) for number in range(len(plan.activate))]
    keys += [SMOKE_KEY, GIVE_BACK_KEY] * (plan.engine is not None)
    return tuple(Item(key=key) for key in (*keys, CHECK_KEY))


def is_copy(key: str) -> bool:
    """Whether this item is a file that was copied, which stays so whatever becomes of the run."""
    return key.startswith(COPY)


def find_run_state(run: Run) -> str:
    """How a run stands as a whole: pending, begun, failed, done, undoing or undone."""
    states = {item.key: item.state for item in run.items if item.key != BACKUP_KEY and not is_copy(item.key)}
    moved = {state for state in states.values() if state != "pending"}
    if moved & {"undoing", "undone"}:
        return {True: "undone", False: "undoing"}[moved == {"undone"}]
    if states.get(CHECK_KEY, "pending") != "pending":
        return states[CHECK_KEY]
    if "failed" in moved:
        return "failed"
    return {True: "begun", False: "pending"}[bool(moved)]


def change_key(number: int) -> str:
    """The key of a plan's change, counted from 0."""
    return f"change {number}"


def activation_key(number: int) -> str:
    """The key of what makes a plan take effect, counted from 0."""
    return f"activate {number}"


def name_items(plan: Plan) -> Mapping[str, str]:
    """What each item of a run is for, in words for a person."""
    names = {
        BACKUP_KEY: "keep a copy of what is changed",
        DRAIN_KEY: f"drain {plan.engine}",
        SMOKE_KEY: f"try {plan.engine}",
        GIVE_BACK_KEY: f"give {plan.engine} its requests again",
        CHECK_KEY: f"ask {plan.check} again",
    }
    names |= {change_key(number): change.what for number, change in enumerate(plan.changes)}
    return names | {activation_key(number): "make it take effect" for number in range(len(plan.activate))}
