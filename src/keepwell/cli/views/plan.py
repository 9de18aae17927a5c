"""`keepwell plan` on a screen: every change before and after, its undo, what it interrupts."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from keepwell.app.repair_report import PlannedRun, PlanReport, RefusedPlan
from keepwell.cli.views.drift import render_left
from keepwell.cli.views.word import render_decisions
from keepwell.cli.words import clean, command_line, sign
from keepwell.core.secret import mask_argv
from keepwell.core.step import Change, Plan, RunCommand
from keepwell.fleet.decisions import Decisions, cite

_INDENT = (0, 0, 0, 4)


def render(report: PlanReport) -> RenderableType:
    """All plans, or why there is none."""
    refused = [line for one in report.refused for line in _refused(one)]
    refused += render_decisions(Decisions(decided=report.decided))
    refused += render_left(report.nodes, report.unreached)
    if report.refused and not report.planned:
        return Group(*refused)
    if not report.planned:
        return Group(_nothing(report), *refused)
    parts: list[RenderableType] = []
    for one in report.planned:
        parts += [*_planned(one), Text()]
    return Group(*parts, *refused)


def render_plan(plan: Plan) -> list[RenderableType]:
    """The changes of a plan, and what makes them take effect."""
    lines: list[RenderableType] = []
    for number, change in enumerate(plan.changes, start=1):
        lines += _change(number, change)
    for one in plan.activate:
        words = "run" * isinstance(one, RunCommand) or "start again"
        lines.append(_line(f"then {words}: {command_line(one.argv)}", "cyan"))
    if plan.note:
        lines.append(_line(plan.note, "dim"))
    return lines


#: Does nothing: what a step undoes by itself that another one takes back.
NOTHING = RunCommand(argv=("true",))
#: The command that tells what to do, by what plans were asked for.
_TELLS = {"audit": "audit", "ready": "ready"}


def _nothing(report: PlanReport) -> RenderableType:
    if report.nodes and not report.findings:
        as_wished = not any(one.wishes for one in report.nodes)
        return Text("Nothing to do" + ": everything is as wished." * as_wished + ", but:" * (not as_wished))
    about = f" about {report.asked_for}" * bool(report.asked_for)
    lines = [Text(f"Nothing to do{about}: keepwell has no repair for what it sees here.")]
    lines += [Text.assemble("  ", sign(one.status), f" {clean(one.message)}") for one in report.findings]
    if report.findings:
        topic = report.asked_for.partition(".")[0]
        lines.append(Text(f"What to do by hand: keepwell {_TELLS.get(topic, 'diagnose')}", style="dim"))
    return Group(*lines)


def _refused(one: RefusedPlan) -> list[RenderableType]:
    return [
        Text.assemble(("Not planned", "bold yellow"), f"  {clean(one.finding.message)}  ({one.finding.check})"),
        _line(f"it would change: {clean('; '.join(change.what for change in one.plan.changes))}"),
        _line(f"but {clean(cite(one.decision))}"),
        Text(),
    ]


def _planned(one: PlannedRun) -> list[RenderableType]:
    return [
        Text.assemble(("Plan ", "bold"), (one.id, "bold cyan"), f"  {one.issue}"),
        _line(f"because {clean(one.finding.message)}  ({one.finding.check})"),
        *render_plan(one.plan),
        _line(f"carry out: keepwell apply {one.id}", "green"),
        _line(f"take back: keepwell undo {one.id}", "green"),
    ]


def _change(number: int, change: Change) -> list[RenderableType]:
    lines = [
        _line(f"{number}. {clean(change.what)}", "bold"),
        _line(f"   before  {clean(change.before)}"),
        _line(f"   after   {clean(change.after)}"),
        _line(f"   undo    {clean(_undo(change))}", "dim"),
    ]
    return lines + [_line(f"   stops   {clean(change.interrupts)}", "yellow")] * bool(change.interrupts)


def _undo(change: Change) -> str:
    """How it is taken back: what it was, or by a command that makes it so."""
    if change.undo is None:
        return f"cannot be undone: {change.irreversible}"
    if change.undo == NOTHING:
        return "undone by the steps before it"
    if isinstance(change.undo, RunCommand):
        return f"undone by: {command_line(mask_argv(change.undo.argv))}"
    return "undone byte for byte"


def _line(text: str, style: str = "") -> RenderableType:
    return Padding(Text(text, style=style), _INDENT, expand=False)
