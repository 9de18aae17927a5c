"""Plans of repairs here and of what is wished of nodes, each kept as a run that nobody has begun."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from keepwell.app.desired.drifting import NodeLook, choose_targets, look_at_all, tell
from keepwell.app.desired.report import NodeDrift
from keepwell.app.operation import Caller
from keepwell.app.repair_report import PlannedRun, PlanReport
from keepwell.app.targets import EVERY, HERE, Target
from keepwell.app.unreached import Unreached
from keepwell.app.waiting import keep_plan
from keepwell.app.wiring import Wiring, wire
from keepwell.conform.desired.compare import TOPIC
from keepwell.conform.desired.plan import judge, make_plans
from keepwell.conform.desired.sources import Revision
from keepwell.conform.plan_file import render_plan
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding
from keepwell.core.step import Plan
from keepwell.plugins.wish import SOURCE, load_wishes
from keepwell.store.journal import list_runs

#: Wishes in these states are told beside the plans: no plan makes them true.
_LEFT = ("problem", "untold", "decided")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What plans are asked for: of which nodes ((): of all), about which cause, check or step, of which tables.

    `tables` None means every one; `repairs` whether repairs of this machine are meant too.
    """

    nodes: tuple[str, ...] = ()
    issue: str = ""
    tables: frozenset[str] | None = None
    repairs: bool = True


async def plan_all(caller: Caller, what: str, nodes: Sequence[str]) -> PlanReport:
    """Look, plan, and keep each plan."""
    async with wire(caller) as wiring:
        scope = read_scope(wiring, what, nodes)
        report = PlanReport(planned=(), findings=(), asked_for=what)
        if scope.repairs:
            from keepwell.app.repairing import plan_repairs

            report = await plan_repairs(wiring, caller, scope.issue)
        elif scope.issue and not scope.tables:
            _refuse_inspection(scope.issue)
        if scope.tables == frozenset() or not (scope.nodes or wiring.config.desired):
            return report
        if not wiring.config.desired and scope.repairs:
            return report
        return await _add_wishes(wiring, caller, report, scope)


def _refuse_inspection(word: str) -> None:
    """ConfigurationError where the word is an inspection, which only the machine itself can mend."""
    from keepwell.app.purposes import find_purpose

    purpose = find_purpose(word)
    if purpose:
        hint = f"run keepwell plan {word} there; keepwell {purpose} NODE tells what is wrong"
        raise ConfigurationError(f"what {word} finds is mended on the machine itself alone", hint=hint)


def read_scope(wiring: Wiring, what: str, nodes: Sequence[str]) -> Scope:
    """What is meant: the word is a node, or a cause, a check, a step, or a table of wishes."""
    if what and not nodes and _is_node(what, wiring):
        nodes, what = (what,), ""
    tables: frozenset[str] | None = None
    if what:
        tables = frozenset({what.removeprefix(f"{TOPIC}.")} & set(load_wishes()))
    here = {wiring.hands.name, EVERY, *HERE, *(one.name for one in wiring.config.nodes if not one.address)}
    repairs = not tables and (not nodes or not here.isdisjoint(nodes))
    return Scope(nodes=tuple(nodes), issue=what, tables=tables, repairs=repairs)


def _is_node(word: str, wiring: Wiring) -> bool:
    known = {wiring.hands.name, EVERY, *HERE, *(one.name for one in wiring.config.nodes)}
    return word in known or any(one in word for one in "@:")


async def _add_wishes(wiring: Wiring, caller: Caller, report: PlanReport, scope: Scope) -> PlanReport:
    targets: tuple[Target, ...] = choose_targets(wiring, scope.nodes)
    wishes, answers = await look_at_all(wiring, caller, targets, tables=scope.tables)
    looks = [one for one in answers if isinstance(one, NodeLook)]
    planned = [run for one in looks for run in _plan_node(wiring, caller, one, wishes.revisions)]
    return replace(
        report,
        planned=(*report.planned, *planned),
        nodes=tuple(_left(tell(one)) for one in looks),
        unreached=tuple(one for one in answers if isinstance(one, Unreached)),
        revisions=wishes.revisions,
    )


def _plan_node(
    wiring: Wiring, caller: Caller, found: NodeLook, revisions: Collection[Revision]
) -> Iterator[PlannedRun]:
    for plan in make_plans(found.compared, found.node):
        noted = _note_revisions(plan, found, revisions)
        finding = judge(noted, found.compared)
        if finding is not None:
            yield _find_kept(wiring, noted, finding) or keep_plan(noted, finding, caller, wiring)


def _find_kept(wiring: Wiring, plan: Plan, finding: Finding) -> PlannedRun | None:
    """The run of the very same plan that nobody has begun: asked twice, one plan waits, not two."""
    content = render_plan(plan)
    for one in list_runs(wiring.state):
        if one.payload == content and all(item.state == "pending" for item in one.run.items):
            return PlannedRun(id=one.run.id, issue="", finding=finding, plan=plan)
    return None


def _note_revisions(plan: Plan, found: NodeLook, revisions: Collection[Revision]) -> Plan:
    """The plan with the commits that its files come from in its note."""
    groups = [one.group for one in found.wished if one.label in plan.wishes and SOURCE in one.wish]
    from_ = {one.repository for one in groups}
    notes = [f"files from {one.repository} at {one.commit}" for one in revisions if one.repository in from_]
    return replace(plan, note="; ".join(filter(None, (plan.note, *notes))))


def _left(drift: NodeDrift) -> NodeDrift:
    return replace(drift, wishes=tuple(one for one in drift.wishes if one.state in _LEFT))
