"""`keepwell route` on a screen: the candidates for each wire format, who is out and why."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.clients import RouteReport
from keepwell.cli.words import clean


def render(report: RouteReport) -> RenderableType:
    """A block for each wire format."""
    lines: list[RenderableType] = [Text(clean(report.model), style="bold")]
    for dialect, rows in report.candidates.items():
        lines.append(Text(f"  {dialect}", style="dim"))
        for one in rows:
            sign = {True: "→ ", False: "  "}[one.chosen]
            why = one.why or f"{one.outstanding} at work"
            lines.append(Text.assemble("    ", (sign, "green"), clean(one.replica), (f"  {clean(why)}", "dim")))
    return Group(*lines)
