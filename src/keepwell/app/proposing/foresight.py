"""What carrying a plan out, or taking it back, would do: read from the plan itself, nothing is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from keepwell.app.applying.runs import TO_APPLY, find_newest, find_to_undo, find_waiting
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring, wire
from keepwell.conform.ledger import find_run_state
from keepwell.conform.plan_file import parse_plan
from keepwell.core.errors import NotThere
from keepwell.core.foresight import Foresight
from keepwell.core.secret import mask_argv
from keepwell.core.step import Change, Plan
from keepwell.core.words import command_line
from keepwell.store.journal import StoredRun, load_run


async def foresee_apply(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    """The runs by name, and each of their changes. Raises NotThere, DamagedError, RefusedError."""
    async with wire(caller) as wiring:
        found = [load_run(wiring.state, name) for name in _choose(wiring, arguments)]
    lines = [line for one in found for line in _tell_plan(one)]
    whole = {**arguments, "run": [one.run.id for one in found], "all_": False}
    return Foresight(arguments=whole, lines=tuple(lines), basis=_digest(found))


async def foresee_undo(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    """The run by name, and how each of its changes is taken back. Raises NotThere, DamagedError, RefusedError."""
    async with wire(caller) as wiring:
        found = load_run(wiring.state, arguments["run"] or find_to_undo(wiring))
    whole = {**arguments, "run": found.run.id}
    return Foresight(arguments=whole, lines=tuple(_tell_undo(found)), basis=_digest([found]))


def _choose(wiring: Wiring, arguments: Mapping[str, Any]) -> list[str]:
    """As `apply` itself chooses."""
    named: list[str] = arguments["run"] or []
    if not named and arguments["all_"]:
        named = [run_id for run_id, _ in find_waiting(wiring)]
        if not named:
            raise NotThere("no plan waits", hint="keepwell plan makes one, if it is needed")
    return named or [find_newest(wiring, TO_APPLY)]


def _digest(found: Iterable[StoredRun]) -> str:
    """Of the plans, and of how far each is: a run that somebody began meanwhile is another."""
    made = hashlib.sha256()
    for one in found:
        made.update(hashlib.sha256(one.payload).digest())
        made.update(repr([(item.key, item.state) for item in one.run.items]).encode())
    return made.hexdigest()


def _tell_plan(one: StoredRun) -> Iterator[str]:
    plan = parse_plan(one.payload)
    yield f"plan {one.run.id} for {plan.subject}: {plan.why}"
    for change in plan.changes:
        yield f"{change.what}: {change.before} -> {change.after}; {_tell_way_back(change)}"
        if change.interrupts:
            yield f"stops: {change.interrupts}"
    yield from _tell_effect(plan)


def _tell_undo(one: StoredRun) -> Iterator[str]:
    plan = parse_plan(one.payload)
    yield f"takes back {one.run.id} ({find_run_state(one.run)}) of {plan.subject}: {plan.why}"
    for change in reversed(plan.changes):
        if change.undo is None:
            yield f"stays: {change.what}: {change.irreversible}"
        else:
            yield f"{change.what}: {change.after} -> {change.before}"
    yield from _tell_effect(plan)


def _tell_effect(plan: Plan) -> Iterator[str]:
    for one in plan.activate:
        yield f"then runs: {command_line(mask_argv(one.argv))}"
    if plan.engine is not None:
        yield f"{plan.engine} gets no requests from the gateway meanwhile"


def _tell_way_back(change: Change) -> str:
    if change.undo is None:
        return f"cannot be undone: {change.irreversible}"
    return "can be undone"
