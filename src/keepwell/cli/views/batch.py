"""One batch on a screen: how far it is, what went wrong, where its files are, and what to do now."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.batching.report import BatchFigures, BatchPlanReport, BatchReport, BatchSampleReport
from keepwell.app.batching.telling import WORDS, render_time
from keepwell.batch.energy import render_energy
from keepwell.cli.views.batch_sample import render_sample
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Status
from keepwell.core.observation import Missing

_STATES = {
    "done": "done",
    "running": "running",
    "stopped": "stopped",
    "until": "its time is over",
    "budget": "its budget is spent",
    "unreachable": "nobody answered",
    "died": "its runner died",
}


def render(report: BatchReport | BatchPlanReport | BatchSampleReport) -> RenderableType:
    """The job, what it would ask, or some of it."""
    if isinstance(report, BatchSampleReport):
        return render_sample(report)
    if isinstance(report, BatchPlanReport):
        return _render_plan(report)
    one = report.batch
    lines = [_render_head(one)]
    lines += [Text(f"  {count} {WORDS.get(name, name)}") for name, count in sorted(one.troubles.items())]
    if one.why:
        lines.append(Text(f"  {clean(one.why)}"))
    lines += [Text(f"  {name}: {clean(str(value), 2000)}", style="dim") for name, value in _find_rows(one) if value]
    if report.next:
        lines.append(Text(f"next: {clean(report.next)}"))
    return Group(*lines)


def describe_state(one: BatchFigures) -> str:
    """How it stands, in words."""
    return _STATES.get(one.state, one.state)


def _render_head(one: BatchFigures) -> Text:
    status = Status.WARNING
    if one.answered >= one.total or one.state == "running":
        status = Status.OK
    elif one.state == "unreachable":
        status = Status.CRITICAL
    told = f" {clean(one.id)}: {describe_state(one)}, {one.answered} of {one.total} answered"
    left = one.total - one.done
    if left:
        told += f", {left} left"
    if one.done_here and not isinstance(one.rate, Missing):
        told += f"; {one.done_here} in {render_time(one.seconds)}, {one.rate:.3g}/s"
    return Text.assemble(sign(status), told)


def _find_rows(one: BatchFigures) -> list[tuple[str, str]]:
    errors = one.errors * bool(sum(one.troubles.values()))
    tokens = ""
    if one.output_tokens or one.input_tokens:
        tokens = f"{one.input_tokens} read, {one.output_tokens} made"
    energy = ""
    if not isinstance(one.joules, Missing):
        energy = f"{render_energy(one.joules)} of this machine's devices meanwhile"
    rows = [("answers", one.output), ("errors", errors), ("tokens", tokens), ("energy", energy)]
    return [*rows, ("command", one.command)]


def _render_plan(report: BatchPlanReport) -> RenderableType:
    lines = [Text(f"{report.total} lines would be asked of {clean(report.target)}{clean(report.path)}, the first:")]
    lines.append(Text(f"  {clean(report.first, 2000)}"))
    if report.bad_lines:
        lines.append(Text.assemble(sign(Status.WARNING), f" {report.bad_lines} lines cannot be read"))
        lines += [Text(f"  {clean(one)}") for one in report.bad]
    return Group(*lines)
