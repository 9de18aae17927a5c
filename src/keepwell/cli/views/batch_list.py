"""`keepwell batch list` on a screen: one line a job, newest first."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.batching.report import BatchesReport
from keepwell.cli.views.batch import describe_state
from keepwell.cli.words import clean


def render(report: BatchesReport) -> RenderableType:
    """The list, or what would make one."""
    problems = [Text(clean(one), style="yellow") for one in report.problems]
    if not report.batches:
        return Group(*problems, Text("No batch was begun yet. keepwell batch run --help"))
    table = Table(box=None, pad_edge=False)
    for title in ("job", "begun", "state"):
        table.add_column(title, no_wrap=title != "state")
    for title in ("answered", "errors", "left"):
        table.add_column(title, no_wrap=True, justify="right")
    for one in report.batches:
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created_at))
        counts = (one.answered, one.done - one.answered, one.total - one.done)
        table.add_row(Text(clean(one.id), style="bold"), begun, describe_state(one), *map(str, counts))
    return Group(table, *problems)
