"""Carries plans out and takes them back, on whichever node they are about."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from keepwell.app.applying.rechecking import make_recheck
from keepwell.app.applying.runs import TO_APPLY, find_newest, find_to_undo, find_waiting
from keepwell.app.applying.smoking import Taster
from keepwell.app.applying.traffic import GatewayTraffic, Patience
from keepwell.app.operation import Caller
from keepwell.app.repair_report import RolledReport, RunReport, Stop
from keepwell.app.targets import find_target
from keepwell.app.wiring import Wiring, reach, wire
from keepwell.app.word import day_of
from keepwell.conform.execute import Bench, apply
from keepwell.conform.ledger import Ledger, name_items
from keepwell.conform.plan_file import parse_plan
from keepwell.conform.protection import require_consent
from keepwell.conform.undo import undo
from keepwell.core.errors import KeepwellError, RefusedError
from keepwell.core.run import MIGRATE, SWITCH, Item
from keepwell.core.step import Activation, Change, Plan
from keepwell.core.words import command_line
from keepwell.store.journal import Journal, open_journal
from keepwell.transport.base import Hands

#: Kinds of runs that are more than their plans, and what carries them out.
WATCHED = {SWITCH: "keepwell migrate switch ROUTE --to ROUTE", MIGRATE: "keepwell models migrate ENGINE --to FOLDER"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How runs are carried out: `step` asks before each change; how long requests that run are waited for."""

    step: bool = False
    patience: Patience = field(default_factory=Patience)


async def apply_runs(
    caller: Caller, run_ids: Sequence[str], *, every: bool, manner: Manner
) -> RunReport | RolledReport:
    """One run, or several, one after the other until one is not well."""
    if len(run_ids) <= 1 and not every:
        return await apply_run(caller, "".join(run_ids), manner)
    async with wire(caller) as wiring:
        waiting = find_waiting(wiring)
    chosen = tuple(run_ids) or tuple(run_id for run_id, _ in waiting)
    done: list[RunReport] = []
    stop: Stop | None = None
    for number, run_id in enumerate(chosen):
        caller.progress(f"run {run_id}", number, len(chosen))
        try:
            done.append(await apply_run(caller, run_id, manner))
        except KeepwellError as error:
            stop = Stop(run=run_id, what=error.what, where=error.where, hint=error.hint)
        if stop is not None or done[-1].exit_code:
            break
    left = chosen[len(done) + (stop is not None) :]
    return RolledReport(runs=tuple(done), stopped_by=stop, left=left)


async def apply_run(caller: Caller, run_id: str, manner: Manner | None = None) -> RunReport:
    """Carry out a plan that was kept, or go on with one that was broken off, and ask its check again."""
    async with wire(caller) as wiring:
        chosen = run_id or find_newest(wiring, TO_APPLY)
        with open_journal(wiring.state, chosen, wiring.clock) as journal:
            plan = parse_plan(journal.payload)
            if journal.run.kind in WATCHED:
                hint = f"{WATCHED[journal.run.kind]}, as it was begun, goes on with it"
                raise RefusedError("its steps need somebody who watches them", where=chosen, hint=hint)
            require_consent(plan, wiring.config.decisions, day_of(wiring.clock.now()))
            async with _open_bench(plan, journal, wiring, caller, manner or Manner()) as bench:
                recheck = make_recheck(plan, caller, wiring, bench.hands)
                outcome = await apply(plan, bench, recheck)
                return RunReport(id=chosen, plan=plan, outcome=outcome, items=bench.ledger.run.items)


async def undo_run(caller: Caller, run_id: str, manner: Manner | None = None) -> RunReport:
    """Take back what a run changed, byte for byte."""
    async with wire(caller) as wiring:
        chosen = run_id or find_to_undo(wiring)
        with open_journal(wiring.state, chosen, wiring.clock) as journal:
            plan = parse_plan(journal.payload)
            async with _open_bench(plan, journal, wiring, caller, manner or Manner()) as bench:
                outcome = await undo(plan, bench)
                return RunReport(id=chosen, plan=plan, outcome=outcome, items=bench.ledger.run.items)


@contextlib.asynccontextmanager
async def open_hands(plan: Plan, wiring: Wiring) -> AsyncIterator[Hands]:
    """Hands that may change the node of a plan: by SSH, its agent, or here. Raises AccessError, ConfigurationError."""
    target = find_target(plan.subject.node, wiring.config, wiring.hands.name)
    async with reach(wiring, target, changes=True) as reached:
        if not isinstance(reached.transport, Hands):
            raise RefusedError("a recording cannot be changed", where=target.name)
        yield reached.transport


@contextlib.asynccontextmanager
async def _open_bench(
    plan: Plan, journal: Journal, wiring: Wiring, caller: Caller, manner: Manner
) -> AsyncIterator[Bench]:
    """Ctrl-C leaves the run so that it can be gone on with or taken back, and says so."""
    run_id = journal.run.id
    try:
        async with open_hands(plan, wiring) as hands:
            traffic = GatewayTraffic(
                wiring=wiring,
                caller=caller,
                taster=Taster(wiring, caller, hands),
                run_id=run_id,
                patience=manner.patience,
            )
            yield Bench(
                hands=hands,
                clock=wiring.clock,
                ledger=Ledger(journal.run, _Told(journal, plan, caller)),
                traffic=traffic,
                backups=wiring.state,
                agree=_Asked(caller, manner.step),
            )
    except asyncio.CancelledError:
        caller.note(f"broken off: keepwell apply {run_id} goes on, keepwell undo {run_id} takes it back")
        raise


class _Told:
    """The journal; whatever begins is told as well."""

    def __init__(self, journal: Journal, plan: Plan, caller: Caller) -> None:
        self._journal = journal
        self._names = name_items(plan)
        self._caller = caller
        self._places = {item.key: place for place, item in enumerate(journal.run.items)}

    def record(self, run_id: str, item: Item) -> None:
        """Keep an item's new state."""
        self._journal.record(run_id, item)
        if item.state in ("begun", "undoing"):
            self._caller.progress(self._names[item.key], self._places[item.key], len(self._places))


class _Asked:
    """Asks somebody before each step, where that is wished."""

    def __init__(self, caller: Caller, step: bool) -> None:
        self._caller = caller
        self._step = step

    def __call__(self, step: Change | Activation) -> bool:
        return not self._step or self._caller.agree(render_step(step))


def render_step(step: Change | Activation) -> list[str]:
    """A step in a few lines, before somebody agrees to it."""
    if not isinstance(step, Change):
        return [f"make it take effect: {command_line(step.argv)}"]
    lines = [step.what, f"before: {step.before}", f"after: {step.after}"]
    if step.undo is None:
        lines.append(f"cannot be undone: {step.irreversible}")
    return lines + [f"stops: {step.interrupts}"] * bool(step.interrupts)
