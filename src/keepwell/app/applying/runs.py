"""Which runs there are, how each stands, and which one is meant."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from keepwell.app.operation import Caller
from keepwell.app.repair_report import RunLine, RunsReport
from keepwell.app.wiring import Wiring, wire
from keepwell.conform.ledger import find_run_state
from keepwell.conform.plan_file import parse_plan
from keepwell.core.errors import DamagedError, NotThere
from keepwell.core.run import MIGRATE, PLAN, SWITCH
from keepwell.core.step import Plan
from keepwell.store.journal import StoredRun, list_runs

#: The kind of run that a plan becomes.
KIND = PLAN
#: How a run stands that can be carried out, and one that can be taken back.
TO_APPLY, TO_UNDO = ("pending", "begun", "failed"), ("done", "failed", "begun", "undoing")


async def list_all(caller: Caller) -> RunsReport:
    """Every run that is kept, newest first."""
    async with wire(caller) as wiring:
        return RunsReport(runs=tuple(make_line(one) for one in list_runs(wiring.state)))


def list_runs_of(wiring: Wiring, node: str) -> tuple[RunLine, ...]:
    """The runs of one node, newest first."""
    return tuple(one for one in map(make_line, list_runs(wiring.state)) if _node_of(one) == node)


def find_newest(wiring: Wiring, states: Collection[str], kinds: Collection[str] = (KIND,)) -> str:
    """The newest run of these kinds that stands so; NotThere where there is none."""
    for one in list_runs(wiring.state):
        if one.run.kind in kinds and find_run_state(one.run) in states:
            return one.run.id
    raise NotThere(
        "no run to work on", where=str(wiring.state / "runs"), hint="keepwell plan makes one, if it is needed"
    )


def find_to_undo(wiring: Wiring) -> str:
    """The newest run that can be taken back."""
    return find_newest(wiring, TO_UNDO, (PLAN, SWITCH, MIGRATE))


def find_worked_on(wiring: Wiring) -> str:
    """The newest run of any kind that was begun."""
    for one in list_runs(wiring.state):
        if find_run_state(one.run) != "pending":
            return one.run.id
    raise NotThere("no run was begun yet", where=str(wiring.state / "runs"), hint="keepwell runs")


def find_waiting(wiring: Wiring) -> tuple[tuple[str, Plan], ...]:
    """Every plan that waits to be carried out: node after node, on each in the order in which they were made.

    Of several for the same the newest counts.
    """
    found: dict[tuple[str, str, str], tuple[str, Plan]] = {}
    for one in list_runs(wiring.state):
        if one.run.kind != KIND or find_run_state(one.run) not in TO_APPLY:
            continue
        with contextlib.suppress(DamagedError):  # of another release; `keepwell apply RUN` says what is wrong with it
            plan = parse_plan(one.payload)
            found.setdefault((plan.step, plan.check, str(plan.subject)), (one.run.id, plan))
    return tuple(sorted(found.values(), key=_place))


def _place(one: tuple[str, Plan]) -> tuple[str, bool, str]:
    run_id, plan = one
    return plan.subject.node, plan.engine is not None, run_id


def _node_of(line: RunLine) -> str:
    """The node of a run's subject; "" where its plan cannot be read."""
    return line.subject.partition(":")[2].partition("/")[0]


def make_line(one: StoredRun) -> RunLine:
    """A run as one row of a list."""
    what, subject = "", ""
    try:
        plan = parse_plan(one.payload)
        what, subject = plan.why, str(plan.subject)
    except DamagedError as error:
        what = str(error)
    run = one.run
    state = find_run_state(run)
    return RunLine(id=run.id, kind=run.kind, state=state, created_at=run.created_at, what=what, subject=subject)
