"""Runs of plans on disk: a new one, and one to go on with or take back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keepwell.conform.execute import Bench
from keepwell.conform.ledger import Ledger, plan_items
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.core.clock import Clock
from keepwell.core.run import Run
from keepwell.core.step import Plan
from keepwell.store.journal import StoredRun, create_journal, list_runs, make_run_id, open_journal
from keepwell.transport.base import Hands

#: What these runs are called in the store and in their ids.
KIND = "plan"


def begin_run(plan: Plan, folder: Path, clock: Clock, asked_by: str) -> str:
    """Write the plan down as a new run of which nothing has begun; its id. AccessError if it cannot be written."""
    now = clock.now()
    run = Run(id=make_run_id(KIND, now), kind=KIND, asked_by=asked_by, created_at=now, items=plan_items(plan))
    with create_journal(folder, run, render_plan(plan), clock):
        return run.id


@contextmanager
def open_run(run_id: str, folder: Path, hands: Hands, clock: Clock) -> Iterator[tuple[Plan, Bench]]:
    """The plan of a run and a bench to apply or undo it on; nobody else can work on it meanwhile.

    Raises NotThere, RefusedError (another keepwell has it), DamagedError.
    """
    with open_journal(folder, run_id, clock) as journal:
        plan = parse_plan(journal.payload)
        yield plan, Bench(hands=hands, clock=clock, ledger=Ledger(journal.run, journal))


def list_plans(folder: Path) -> tuple[tuple[StoredRun, Plan], ...]:
    """All runs of plans with their plans, newest first. DamagedError if one's plan cannot be read."""
    runs = (one for one in list_runs(folder) if one.run.kind == KIND)
    return tuple((one, parse_plan(one.payload)) for one in runs)
