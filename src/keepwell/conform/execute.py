"""Apply a plan: each change begun, made and done in the journal, then made effective, then asked about again.

Killed at any instant, `apply` on the same run goes on where it stood: what was begun is compared with the
world and either counted as done or made again. A world that is neither as planned nor as wished is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.conform.actions import perform
from keepwell.conform.ledger import CHECK_KEY, Ledger, activation_key, change_key
from keepwell.conform.world import find_standing
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.finding import Finding, Status
from keepwell.core.run import ItemState
from keepwell.core.step import Action, Activation, Change, Plan
from keepwell.transport.base import Hands

#: Asks the check that asked for the repair; None when it no longer has anything to say about the subject.
Recheck: TypeAlias = Callable[[], Awaitable[Finding | None]]

#: Seconds between the two askings that make "stays OK": an engine that dies at once does so within them.
HOLD_SECONDS = 3.0
#: Seconds that a restarted engine has until it must be well: loading a large model from disk takes most of it.
SETTLE_SECONDS = 60.0
#: Seconds between two askings while it settles.
ASK_SECONDS = 1.0
#: Seconds between two looks at the clock.
TICK_SECONDS = 0.05

OutcomeState: TypeAlias = Literal["well", "not-well", "failed", "undone"]
_STATES: dict[OutcomeState, ItemState] = {"well": "done", "not-well": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of applying or undoing: the state, one sentence, and the check's last word (None: no word).

    "failed" means that a change or activation could not be made; the run can be gone on with, or undone.
    """

    state: OutcomeState
    detail: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a plan is worked on with: the node's hands, the time, and the run's ledger."""

    hands: Hands
    clock: Clock
    ledger: Ledger


async def apply(plan: Plan, bench: Bench, recheck: Recheck) -> Outcome:
    """Make every change that is not yet done, make them effective, ask the check until it is and stays OK.

    Raises RefusedError when the world is not as planned: before the first change nothing is touched then.
    """
    await _require_fresh(plan, bench)
    try:
        for number, change in enumerate(plan.changes):
            await _make(change, change_key(number), bench)
        for number, activation in enumerate(plan.activate):
            await _activate(activation, activation_key(number), bench)
    except AccessError as error:
        return Outcome(state="failed", detail=str(error))
    return await _ask_again(bench, recheck, bool(plan.activate))


async def make_change(plan: Plan, number: int, bench: Bench) -> None:
    """Make one change of a plan that is carried out by steps with time between them, if it is not done yet.

    Raises RefusedError where the world is neither as before it nor as after it, and AccessError.
    """
    await _make(plan.changes[number], change_key(number), bench)


async def wait(clock: Clock, seconds: float) -> None:
    """Return when this clock has gone on by so many seconds."""
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        await asyncio.sleep(TICK_SECONDS)


async def _require_fresh(plan: Plan, bench: Bench) -> None:
    """Refuse a run that was taken back, and a stale plan as long as nothing of it has begun."""
    states = {item.state for item in bench.ledger.run.items}
    if states & {"undoing", "undone"}:
        raise RefusedError("this run is undone, or being undone", where=bench.ledger.run.id, hint="make a new plan")
    if states != {"pending"}:
        return
    for change in plan.changes:
        await _require_before(change, bench)


async def _require_before(change: Change, bench: Bench) -> None:
    standing = await find_standing(change, bench.hands)
    if standing not in ("before", "unknown"):
        raise RefusedError(
            f"the node is not as it was when this was planned: {change.what} was {change.before}",
            where=str(change.subject),
            hint="make a new plan",
        )


async def _make(change: Change, key: str, bench: Bench) -> None:
    state = bench.ledger.state(key)
    if state == "done":
        return
    standing = await find_standing(change, bench.hands)
    if standing == "after" and state != "pending":
        _finish(key, bench)
        return
    await _require_before(change, bench)
    bench.ledger.move(key, "begun")
    bench.ledger.move(key, "done", await carry_out(change.do, key, bench))


async def _activate(activation: Activation, key: str, bench: Bench) -> None:
    if bench.ledger.state(key) == "done":
        return
    bench.ledger.move(key, "begun")
    bench.ledger.move(key, "done", await carry_out(activation, key, bench))


async def carry_out(action: Action | Activation, key: str, bench: Bench) -> str:
    """Perform it; a failure is journalled before it is raised on."""
    try:
        return await perform(action, bench.hands)
    except AccessError as error:
        bench.ledger.move(key, "failed", str(error))
        raise


def _finish(key: str, bench: Bench) -> None:
    """It was made before a kill, only not written down."""
    if bench.ledger.state(key) == "failed":
        bench.ledger.move(key, "begun")
    bench.ledger.move(key, "done", "found done")


async def _ask_again(bench: Bench, recheck: Recheck, settles: bool) -> Outcome:
    """Ask until it is OK (at once where nothing was restarted), hold, ask once more."""
    asked_before = bench.ledger.state(CHECK_KEY) == "done"
    if not asked_before:
        bench.ledger.move(CHECK_KEY, "begun")
    finding = await _settled(bench.clock, recheck, SETTLE_SECONDS * settles)
    if _well(finding):
        await wait(bench.clock, HOLD_SECONDS)
        finding = await recheck()
    outcome = _judge(finding)
    if not asked_before:
        bench.ledger.move(CHECK_KEY, _STATES[outcome.state], outcome.detail)
    return outcome


def _judge(finding: Finding | None) -> Outcome:
    if finding is None:
        return Outcome(state="not-well", detail="the check no longer speaks about this subject")
    if not _well(finding):
        return Outcome(state="not-well", detail=finding.message, finding=finding)
    return Outcome(state="well", detail="the check is OK and stayed OK", finding=finding)


async def _settled(clock: Clock, recheck: Recheck, seconds: float) -> Finding | None:
    until = clock.monotonic() + seconds
    finding = await recheck()
    while not _well(finding) and clock.monotonic() < until:
        await wait(clock, ASK_SECONDS)
        finding = await recheck()
    return finding


def _well(finding: Finding | None) -> bool:
    return finding is not None and finding.status is Status.OK
