"""Carries a move out: step after step under a journal, each held and judged; back by itself when one is missed.

Killed at any instant, the same command goes on where it stood, and `keepwell undo` takes it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from keepwell.app.operation import Caller
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.switching.choosing import find_begun, get_route, render_entry, require_free, resolve
from keepwell.app.switching.measuring import Watch
from keepwell.app.switching.objectives import Limits, Objective, find_missed, judge
from keepwell.app.switching.plan import KIND, Move, find_state, make_plan, read_move, render_share
from keepwell.app.switching.report import State, StepLine, SwitchReport
from keepwell.app.wiring import Wiring, wire
from keepwell.app.word import day_of
from keepwell.conform.execute import Bench, make_change
from keepwell.conform.ledger import CHECK_KEY, Ledger, change_key, plan_items
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.conform.protection import require_consent
from keepwell.conform.undo import undo
from keepwell.core.errors import DamagedError, RefusedError, Unreachable
from keepwell.core.run import Run
from keepwell.core.step import Plan
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.splits import SPLITS_FOLDER, load_splits, name_moved
from keepwell.gateway.settings import SETTINGS_FILE, load_settings
from keepwell.store.folder import make_private_folder
from keepwell.store.journal import Journal, create_journal, make_run_id, open_journal

#: Seconds between two looks at the record, and until a running gateway must go by a new share.
LOOK_SECONDS, KNOWN_SECONDS = 0.25, 5.0
#: Seconds without anybody behind the second route, as the gateway knows it: one that starts again looks anew.
GONE_SECONDS = 10.0
#: Times that a step may take as long as it was to, where there are too few requests to judge it by.
PATIENCE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be moved where, by which shares; each is held for so long, and until so many requests were moved."""

    route: str
    to: str
    shares: tuple[float, ...]
    hold_seconds: float
    limits: Limits = field(default_factory=Limits)
    least: int = 10


@dataclass(slots=True, kw_only=True)
class _Going:
    caller: Caller
    wiring: Wiring
    wish: Wish
    move: Move
    plan: Plan
    bench: Bench
    watch: Watch
    target: Route
    steps: list[StepLine] = field(default_factory=list)

    @property
    def run(self) -> str:
        """The run's id."""
        return self.bench.ledger.run.id


async def switch(caller: Caller, wish: Wish) -> SwitchReport:
    """Move it, or go on with moving it. Raises ConfigurationError, RefusedError, Unreachable where no gateway runs."""
    async with wire(caller) as wiring:
        if find_serving(await ask_planes(wiring.state, wiring.hands)) is None:
            raise Unreachable("no gateway runs here", hint="start one: keepwell gateway")
        settings = load_settings(wiring.state / SETTINGS_FILE)
        moved = [one.route for one in load_splits(wiring.state)]
        route, to = resolve(settings, wish.route, moved), resolve(settings, wish.to)
        target = get_route(settings, to)
        move = Move(route=route, to=to, shares=wish.shares)
        with _open(wiring, caller, move) as journal:
            plan = parse_plan(journal.payload)
            require_consent(plan, wiring.config.decisions, day_of(wiring.clock.now()))
            kept = read_move(plan)
            if kept is None:
                raise DamagedError("this run moves nothing", where=journal.run.id)
            going = _Going(
                caller=caller,
                wiring=wiring,
                wish=wish,
                move=kept,
                plan=plan,
                bench=Bench(hands=wiring.hands, clock=wiring.clock, ledger=Ledger(journal.run, journal)),
                watch=Watch(wiring.state, route, to, target.replicas, journal.run.created_at),
                target=target,
            )
            return await _go(going)


def _open(wiring: Wiring, caller: Caller, move: Move) -> Journal:
    """The journal of the move that was begun, or of a new one. Raises RefusedError where others are in the way."""
    begun = find_begun(wiring.state, move.route, move.to)
    if begun is not None:
        caller.tell(f"goes on with {begun.run.id}, by its own steps")
        return open_journal(wiring.state, begun.run.id, wiring.clock)
    require_free(wiring.state, move.route, move.to)
    now = wiring.clock.now()
    run_id = make_run_id(KIND, now)
    plan = make_plan(move, wiring.state, run_id, by=caller.asked_by, now=now)
    run = Run(id=run_id, kind=KIND, asked_by=caller.asked_by, created_at=now, items=plan_items(plan, backup=False))
    make_private_folder(wiring.state / SPLITS_FOLDER)
    return create_journal(wiring.state, run, render_plan(plan), wiring.clock)


async def _go(going: _Going) -> SwitchReport:
    ledger = going.bench.ledger
    if ledger.state(CHECK_KEY) == "failed" or find_state(ledger.run) == "going back":
        return await _go_back(going, "it was going back when it was broken off")
    done = [ledger.state(change_key(number)) == "done" for number in range(len(going.move.shares))]
    if ledger.state(CHECK_KEY) == "pending":
        ledger.move(CHECK_KEY, "begun")
    try:
        for number in range(max(0, sum(done) - 1), len(going.move.shares)):
            problem = await _step(going, number)
            if problem is not None:
                return problem
    except asyncio.CancelledError:  # Ctrl-C: the share stays, and how to go on or back is told
        return _report(going, "held", "broken off; the share stays as it is")
    said = f"the requests for {going.move.route} go to {going.move.to}"
    if going.move.shares[-1] < 1:
        said = f"{render_share(going.move.shares[-1])} of {said}"
    ledger.move(CHECK_KEY, "done", said)
    return _report(going, "moved", said)


async def _step(going: _Going, number: int) -> SwitchReport | None:
    """Move one more share and hold it; a report where it ends here."""
    share = going.move.shares[number]
    await make_change(going.plan, number, going.bench)
    await _until_known(going, share)
    line, missed = await _hold(going, number)
    going.steps.append(line)
    going.caller.tell(_describe(line))
    if missed:
        return await _go_back(going, missed)
    if line.requests < going.wish.least:
        few = f"{line.requests} requests were moved in {line.seconds:.0f} s, too few to judge {render_share(share)} by"
        return _report(going, "held", f"{few}; the share stays as it is (--least 0 goes on without)")
    return None


async def _until_known(going: _Going, share: float) -> None:
    """Wait until every process that serves goes by it. Raises Unreachable where one does not."""
    clock = going.wiring.clock
    until = clock.monotonic() + KNOWN_SECONDS
    while await _find_share(going) != share:
        if clock.monotonic() > until:
            hint = f"the same command goes on, keepwell undo {going.run} goes back"
            raise Unreachable("the gateway does not go by the new share", where=going.move.route, hint=hint)
        await asyncio.sleep(LOOK_SECONDS / 5)


async def _find_share(going: _Going) -> float:
    """What the data plane that serves moves now; -1 where none serves."""
    serving = find_serving(await ask_planes(going.wiring.state, going.wiring.hands))
    if serving is None:
        return -1.0
    return serving.moved.get(name_moved(going.move.route, going.move.to), 0.0)


async def _hold(going: _Going, number: int) -> tuple[StepLine, str]:
    """Watch one share for its time; what was seen, and why it cannot stay ("" if it can)."""
    wish, watch, clock = going.wish, going.watch, going.wiring.clock
    share, began = going.move.shares[number], clock.monotonic()
    watch.begin_step(clock.now())
    there_at = began
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, wish.hold_seconds))
        watch.look()
        objectives = judge(watch.before, watch.after, wish.limits)
        seconds, after = clock.monotonic() - began, watch.after
        told = f"{render_share(share)}: {after.requests} requests moved, {after.failed} failed"
        going.caller.progress(told, number, len(going.move.shares))
        why = "; ".join(one.said for one in find_missed(objectives))
        if await _find_share(going) != 0.0:
            there_at = clock.monotonic()
        elif not why and clock.monotonic() - there_at > GONE_SECONDS:
            why = f"nobody answers for {going.move.to} any more"
        over = seconds >= wish.hold_seconds and (after.requests >= wish.least)
        if why or over or seconds >= PATIENCE * wish.hold_seconds:
            return _line(share, seconds, watch, objectives), why


async def _go_back(going: _Going, why: str) -> SwitchReport:
    """Every step is taken back, the last first; it goes on to its end also when somebody wants it to stop."""
    ledger = going.bench.ledger
    if ledger.state(CHECK_KEY) == "begun":
        ledger.move(CHECK_KEY, "failed", why)
    outcome = await asyncio.shield(asyncio.ensure_future(undo(going.plan, going.bench)))
    if outcome.state != "undone":
        raise RefusedError(
            f"it could not go back: {outcome.detail}", where=going.run, hint=f"keepwell undo {going.run}"
        )
    return _report(going, "back", why)


def _line(share: float, seconds: float, watch: Watch, objectives: Sequence[Objective]) -> StepLine:
    return StepLine(
        share=share,
        seconds=round(seconds, 3),
        requests=watch.after.requests,
        failed=watch.after.failed,
        came_back=watch.after.back,
        stayed=watch.stayed,
        objectives=tuple(objectives),
    )


def _describe(line: StepLine) -> str:
    said = [one.said for one in line.objectives if one.verdict != "undecided"]
    return f"{render_share(line.share)}: {line.requests} requests in {line.seconds:.0f} s; {'; '.join(said)}"


def _report(going: _Going, state: State, detail: str) -> SwitchReport:
    done = [share for number, share in enumerate(going.move.shares) if _is_made(going, number)]
    keep = ""
    if state == "moved" and done[-1] == 1:
        keep = render_entry(going.move.route, going.target)
    return SwitchReport(
        run=going.run,
        route=going.move.route,
        to=going.move.to,
        state=state,
        share=max(done, default=0.0),
        detail=detail,
        steps=tuple(going.steps),
        keep=keep,
    )


def _is_made(going: _Going, number: int) -> bool:
    return going.bench.ledger.state(change_key(number)) == "done"
