"""Apply a plan: each change begun, made and done in the journal, then made effective, then asked about again.

Killed at any instant, `apply` on the same run goes on where it stood: what was begun is compared with the
world and either counted as done or made again. A world that is neither as planned nor as wished is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from keepwell.conform.actions import perform
from keepwell.conform.backup import back_up
from keepwell.conform.ledger import BACKUP_KEY, CHECK_KEY, DRAIN_KEY, Ledger, activation_key, change_key
from keepwell.conform.traffic import Gate, NoTraffic, Traffic
from keepwell.conform.world import find_standing
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.finding import Finding, Status
from keepwell.core.run import ItemState
from keepwell.core.step import Action, Activation, Change, Plan, SetMode, SetOwner
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

OutcomeState: TypeAlias = Literal["well", "not-well", "failed", "stopped", "undone"]
#: Asked before each change and what makes it effective: whether to go on.
Agree: TypeAlias = Callable[[Change | Activation], bool]
_STATES: dict[OutcomeState, ItemState] = {"well": "done", "not-well": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of applying or undoing: the state, one sentence, and the check's last word (None: no word).

    "failed" means that a change or activation could not be made, "stopped" that somebody did not agree to the next one;
    the run can be gone on with, or undone.
    """

    state: OutcomeState
    detail: str
    finding: Finding | None = None


def always(step: Change | Activation) -> bool:
    """Goes on with everything."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a plan is worked on with: the node's hands, the time, and the run's ledger.

    `traffic` keeps requests from an engine that is touched, `backups` is the state folder in which a copy of what is
    changed is kept first (None: nowhere), and `agree` is asked before each step.
    """

    hands: Hands
    clock: Clock
    ledger: Ledger
    traffic: Traffic = field(default_factory=NoTraffic)
    backups: Path | None = None
    agree: Agree = always


async def apply(plan: Plan, bench: Bench, recheck: Recheck) -> Outcome:
    """Make every change that is not yet done, make them effective, ask the check until it is and stays OK.

    What is changed is copied before, and an engine that is touched has no requests meanwhile. Raises RefusedError when
    the world is not as planned, and AccessError when no copy can be kept: before the first change nothing is touched
    then.
    """
    await _require_fresh(plan, bench)
    gate = Gate(engine=plan.engine, ledger=bench.ledger, traffic=bench.traffic)
    if bench.backups is not None:
        await back_up(plan, bench.hands, bench.ledger, bench.backups)
    try:
        if not await _make_all(plan, bench, gate):
            await gate.leave()
            return Outcome(state="stopped", detail="the next step was not agreed to")
        problem = await gate.open()
    except AccessError as error:
        return Outcome(state="failed", detail=f"{error}{_without_traffic(plan, bench)}")
    if problem:
        return Outcome(state="not-well", detail=problem)
    return await _ask_again(bench, recheck, bool(plan.activate))


def _without_traffic(plan: Plan, bench: Bench) -> str:
    """Said beside a failure while the engine is drained."""
    drained = bench.ledger.has(DRAIN_KEY) and bench.ledger.state(DRAIN_KEY) == "done"
    return f"; {plan.engine} stays drained until the run goes on or is undone" * drained


async def _make_all(plan: Plan, bench: Bench, gate: Gate) -> bool:
    """Every step that is not done yet, the engine drained before the first; False where one was not agreed to."""
    steps: list[tuple[str, Change | Activation]] = [(change_key(n), one) for n, one in enumerate(plan.changes)]
    steps += [(activation_key(n), one) for n, one in enumerate(plan.activate)]
    closed = False
    for key, step in steps:
        if bench.ledger.state(key) == "done":
            continue
        if not bench.agree(step):
            return False
        if not closed:
            await gate.close()
            closed = True
        if isinstance(step, Change):
            await _make(step, key, bench)
        else:
            await _activate(step, key, bench)
    return True


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
    ledger = bench.ledger
    if {item.state for item in ledger.run.items if item.key != BACKUP_KEY} & {"undoing", "undone"}:
        raise RefusedError("this run is undone, or being undone", where=ledger.run.id, hint="make a new plan")
    if any(ledger.state(change_key(number)) != "pending" for number in range(len(plan.changes))):
        return
    for change in _first_of_each(plan.changes):
        await _require_before(change, bench)


def _first_of_each(changes: Iterable[Change]) -> Iterator[Change]:
    """Those that no earlier one prepares the ground for, at their path or above: only these find what was planned."""
    touched: set[tuple[str, str]] = set()
    for change in changes:
        about = _ABOUT.get(type(change.do), "all")
        paths = [one for name in ("path", "target") if (one := getattr(change.do, name, ""))]
        wider = {(str(one), "all") for path in paths for one in (path, *PurePosixPath(path).parents)}
        same = {(path, one) for path in paths for one in (about, *list(_ABOUT.values()) * (about == "all"))}
        if not touched & (wider | same):
            yield change
        touched |= {(path, about) for path in paths}


#: What is changed of a path by actions that leave the rest as it is.
_ABOUT: Mapping[type, str] = {SetMode: "mode", SetOwner: "owner"}


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
    if standing != "torn" or state == "pending":
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
