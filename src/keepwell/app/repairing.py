"""From a diagnosis to plans, and from a plan to a repaired node and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keepwell.app.operation import Caller
from keepwell.app.repair_report import PlannedRun, PlanReport, RefusedPlan, RunLine, RunReport, RunsReport
from keepwell.app.switching.plan import KIND as SWITCH
from keepwell.app.wiring import Wiring, look, wire
from keepwell.app.word import day_of, judge_with_word
from keepwell.conform.execute import Bench, Recheck, apply
from keepwell.conform.ledger import CHECK_KEY, Ledger, plan_items
from keepwell.conform.look import prepare
from keepwell.conform.plan import Repair, find_repairs
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.conform.protection import find_objection, require_consent
from keepwell.conform.undo import undo
from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.core.finding import Finding
from keepwell.core.run import Run
from keepwell.core.step import Plan
from keepwell.store.journal import StoredRun, create_journal, list_runs, make_run_id, open_journal

#: The kind of run that a plan becomes.
KIND = "plan"
#: The level at which plans are made and asked about: every check that a step mends is on level 1.
LEVEL = 1


async def make_plans(caller: Caller, issue: str) -> PlanReport:
    """Look, find what can be repaired, plan it, and keep each plan as a run that nobody has begun."""
    async with wire(caller) as wiring:
        result = await look(wiring, caller, level=LEVEL)
        judged = judge_with_word(wiring.config, result.seen, result.findings, wiring.clock.now())
        causes = [one for one in (*judged.diagnosis.hypotheses, *judged.diagnosis.also) if not one.decided]
        repairs = [one for one in find_repairs(judged.findings, causes) if not issue or _is_about(one, issue)]
        planned: list[PlannedRun] = []
        refused: list[RefusedPlan] = []
        for one in repairs:
            plan = await prepare(one, result.seen, wiring.hands, wiring.clock)
            if plan is None or not plan.changes:
                continue
            objection = find_objection(plan, wiring.config.decisions, day_of(wiring.clock.now()), issue=one.issue)
            if objection is None:
                planned.append(_keep(one, plan, caller, wiring))
            else:
                refused.append(RefusedPlan(issue=one.issue, finding=one.finding, plan=plan, decision=objection))
    bad = tuple(one for one in judged.findings if one.bad)
    decided = judged.decisions.decided
    return PlanReport(planned=tuple(planned), findings=bad, asked_for=issue, refused=tuple(refused), decided=decided)


async def apply_run(caller: Caller, run_id: str) -> RunReport:
    """Carry out a plan that was kept, or go on with one that was broken off, and ask its check again."""
    async with wire(caller) as wiring:
        chosen = run_id or _newest(wiring, ("pending", "begun", "failed"))
        with open_journal(wiring.state, chosen, wiring.clock) as journal:
            plan = parse_plan(journal.payload)
            if journal.run.kind == SWITCH:
                hint = "keepwell migrate switch ROUTE --to ROUTE, as it was begun, goes on with it"
                raise RefusedError("its steps need somebody who watches them", where=chosen, hint=hint)
            require_consent(plan, wiring.config.decisions, day_of(wiring.clock.now()))
            bench = Bench(hands=wiring.hands, clock=wiring.clock, ledger=Ledger(journal.run, journal))
            outcome = await apply(plan, bench, _recheck(plan, caller, wiring))
            return RunReport(id=chosen, plan=plan, outcome=outcome, items=bench.ledger.run.items)


async def undo_run(caller: Caller, run_id: str) -> RunReport:
    """Take back what a run changed, byte for byte."""
    async with wire(caller) as wiring:
        chosen = run_id or _newest(wiring, ("done", "failed", "begun"), (KIND, SWITCH))
        with open_journal(wiring.state, chosen, wiring.clock) as journal:
            plan = parse_plan(journal.payload)
            bench = Bench(hands=wiring.hands, clock=wiring.clock, ledger=Ledger(journal.run, journal))
            outcome = await undo(plan, bench)
            return RunReport(id=chosen, plan=plan, outcome=outcome, items=bench.ledger.run.items)


async def list_all(caller: Caller) -> RunsReport:
    """Every run that is kept, newest first."""
    async with wire(caller) as wiring:
        return RunsReport(runs=tuple(_line(one) for one in list_runs(wiring.state)))


def list_runs_of(wiring: Wiring, node: str) -> tuple[RunLine, ...]:
    """The runs of one node, newest first."""
    return tuple(one for one in map(_line, list_runs(wiring.state)) if _node_of(one) == node)


def _node_of(line: RunLine) -> str:
    """The node of a run's subject; "" where its plan cannot be read."""
    return line.subject.partition(":")[2].partition("/")[0]


def _is_about(repair: Repair, issue: str) -> bool:
    return issue in (repair.issue, repair.finding.check, repair.step)


def _keep(repair: Repair, plan: Plan, caller: Caller, wiring: Wiring) -> PlannedRun:
    now = wiring.clock.now()
    run = Run(id=make_run_id(KIND, now), kind=KIND, asked_by=caller.asked_by, created_at=now, items=plan_items(plan))
    create_journal(wiring.state, run, render_plan(plan), wiring.clock).close()
    return PlannedRun(id=run.id, issue=repair.issue, finding=repair.finding, plan=plan)


def _newest(wiring: Wiring, states: tuple[str, ...], kinds: tuple[str, ...] = (KIND,)) -> str:
    """The newest run that stands so that it can be gone on with."""
    for one in list_runs(wiring.state):
        if one.run.kind in kinds and _state(one.run) in states:
            return one.run.id
    raise NotThere(
        "no run to work on", where=str(wiring.state / "runs"), hint="keepwell plan makes one, if it is needed"
    )


def _recheck(plan: Plan, caller: Caller, wiring: Wiring) -> Recheck:
    quiet = replace(caller, progress=Caller().progress)

    async def ask() -> Finding | None:
        since = wiring.config.diagnose.since_seconds
        result = await look(wiring, quiet, level=LEVEL, since_seconds=since)
        return find_finding(result.findings, plan)

    return ask


def find_finding(findings: Iterable[Finding], plan: Plan) -> Finding | None:
    """What the check that asked for a plan says about its subject now."""
    return next((one for one in findings if (one.check, one.subject) == (plan.check, plan.subject)), None)


def _state(run: Run) -> str:
    """How a run stands as a whole: as its check item if that was reached, else as the first that is not pending."""
    states = {item.key: item.state for item in run.items}
    if states.get(CHECK_KEY, "pending") != "pending":
        return states[CHECK_KEY]
    moved = [state for state in states.values() if state != "pending"]
    if not moved:
        return "pending"
    if all(state == "undone" for state in moved):
        return "undone"
    return "begun"


def _line(one: StoredRun) -> RunLine:
    what, subject = "", ""
    try:
        plan = parse_plan(one.payload)
        what, subject = plan.why, str(plan.subject)
    except DamagedError as error:
        what = str(error)
    run = one.run
    return RunLine(id=run.id, kind=run.kind, state=_state(run), created_at=run.created_at, what=what, subject=subject)
