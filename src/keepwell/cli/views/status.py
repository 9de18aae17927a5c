"""`keepwell status` on a screen: the picture, and what is not well."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.report import StatusReport
from keepwell.cli.views.fleet import render_fleet
from keepwell.cli.views.picture import render_looked, render_node
from keepwell.cli.views.word import render_decisions
from keepwell.cli.words import clean, sign


def render(report: StatusReport) -> RenderableType:
    """The picture, then one line for each bad finding, then when and how long it took; several nodes in rows."""
    if len(report.nodes) > 1 or report.node is None or report.unreached:
        return Group(*render_fleet(report), _when(report))
    parts: list[RenderableType] = [render_node(report.node), Text()]
    bad = [one for one in report.findings if one.bad]
    for one in bad:
        parts.append(Text.assemble(sign(one.status), f" {clean(one.message)}", (f"  {one.check}", "dim")))
    if bad:
        parts.append(Text("Why, and what to do: keepwell diagnose", style="dim"))
    parts += render_decisions(report.decisions)
    if not report.node.engines:
        parts += [Text("What was looked for:", style="bold"), *render_looked(report.looked)]
    return Group(*parts, _when(report))


def _when(report: StatusReport) -> Text:
    clock = time.strftime("%H:%M:%S", time.localtime(report.at))
    return Text(f"{clock}, looked for {report.seconds:.1f} s", style="dim")
