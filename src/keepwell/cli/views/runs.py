"""`keepwell runs` on a screen: one line a plan, newest first."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.repair_report import RunsReport
from keepwell.cli.words import clean


def render(report: RunsReport) -> RenderableType:
    """The list, or what would make one."""
    if not report.runs:
        return Text("No plan was made yet. keepwell plan makes one when something can be repaired.")
    table = Table(box=None, pad_edge=False)
    for title in ("run", "made", "state", "why"):
        table.add_column(title, no_wrap=title != "why")
    for one in report.runs:
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created_at))
        table.add_row(Text(one.id, style="bold"), made, one.state, Text(clean(one.what)))
    return Group(table)
