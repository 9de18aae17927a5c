"""Wishes against what was seen, one after the other, each upon what the ones before it would change. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from keepwell.config.model import DecisionEntry
from keepwell.conform.desired.foresee import foresee
from keepwell.conform.desired.resolve import Wished
from keepwell.conform.protection import find_objection
from keepwell.core.observation import Missing
from keepwell.core.step import Plan
from keepwell.plugins.wish import Drift, Looked

#: Checks of wishes are called so, with the name of their table after it.
TOPIC = "desired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one wish came to. With a `decision` the owner wants what differs left as it is."""

    wished: Wished
    drift: Drift | Missing
    decision: DecisionEntry | None = None

    @property
    def waits(self) -> bool:
        """Whether there is something to change, and keepwell may."""
        return isinstance(self.drift, Drift) and bool(self.drift.changes) and self.decision is None

    @property
    def differs(self) -> bool:
        """Whether the node is known to be different, and no decision wants it so."""
        return isinstance(self.drift, Drift) and not self.drift.same and self.decision is None


def compare(
    wished: Iterable[Wished], looked: Looked, decisions: tuple[DecisionEntry, ...], today: date
) -> tuple[Compared, ...]:
    """What each wish comes to, in their order; what the owner's word protects is foreseen as it is."""
    found: list[Compared] = []
    for one in wished:
        drift = _compare_one(one, looked)
        compared = Compared(wished=one, drift=drift)
        if isinstance(drift, Drift) and not drift.same:
            plan = _plan_of(one, drift)
            compared = Compared(wished=one, drift=drift, decision=find_objection(plan, decisions, today))
        found.append(compared)
        if compared.waits and isinstance(drift, Drift):
            looked = foresee(looked, drift.changes, drift.makes)
    return tuple(found)


def check_of(table: str) -> str:
    """The id of the check that asks for what a table wishes."""
    return f"{TOPIC}.{table}"


def _compare_one(wished: Wished, looked: Looked) -> Drift | Missing:
    if wished.missing is not None:
        return wished.missing
    return wished.keeps.compare(wished.wish, looked)


def _plan_of(wished: Wished, drift: Drift) -> Plan:
    """The drift as a plan of its own, as decisions are asked about it."""
    subject = drift.engine or drift.subject
    return Plan(step=wished.step, check=check_of(wished.table), subject=subject, why="", changes=drift.changes)
