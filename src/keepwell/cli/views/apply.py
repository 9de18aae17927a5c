"""`keepwell apply` on a screen: a run, or several one below the other."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.repair_report import RolledReport, RunReport
from keepwell.cli.views.run import render_run
from keepwell.cli.words import clean


def render(report: RunReport | RolledReport) -> RenderableType:
    """What came of each, and what was not begun."""
    if isinstance(report, RunReport):
        return render_run(report)
    parts: list[RenderableType] = []
    for one in report.runs:
        title = Text.assemble((one.id, "bold cyan"), f"  {clean(str(one.plan.subject))}: {clean(one.plan.why)}")
        parts += [title, render_run(one), Text()]
    stop = report.stopped_by
    if stop is not None:
        parts.append(Text(f"{stop.run} was not carried out: {clean(stop.what)}  {clean(stop.where)}", style="red"))
        parts += [Text(f"  {clean(stop.hint)}", style="dim")] * bool(stop.hint)
    if report.left:
        parts.append(Text(f"not begun: {', '.join(report.left)}", style="yellow"))
    if not parts:
        parts.append(Text("No plan waits. keepwell plan makes one when something can be repaired."))
    return Group(*parts)
