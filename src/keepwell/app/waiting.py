"""Plans that wait: kept as runs that nobody has begun. Light, for commands that need no diagnosis."""

from __future__ import annotations

from keepwell.app.operation import Caller
from keepwell.app.repair_report import PlannedRun
from keepwell.app.wiring import Wiring
from keepwell.conform.ledger import plan_items
from keepwell.conform.plan_file import render_plan
from keepwell.core.finding import Finding
from keepwell.core.run import PLAN, Run
from keepwell.core.step import Plan
from keepwell.store.journal import create_journal, make_run_id


def keep_plan(plan: Plan, finding: Finding, caller: Caller, wiring: Wiring, *, issue: str = "") -> PlannedRun:
    """Keep a plan as a run that nobody has begun."""
    now = wiring.clock.now()
    run = Run(id=make_run_id(PLAN, now), kind=PLAN, asked_by=caller.asked_by, created_at=now, items=plan_items(plan))
    create_journal(wiring.state, run, render_plan(plan), wiring.clock).close()
    return PlannedRun(id=run.id, issue=issue, finding=finding, plan=plan)
