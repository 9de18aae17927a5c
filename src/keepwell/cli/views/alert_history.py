"""`keepwell alerts history` on a screen: a line for each thing that happened, with the cause that was known then."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.alerting.reports import AlertHistoryReport
from keepwell.cli.words import clean

_WORDS = {
    "opened": "began",
    "new": "told",
    "more": "told that it is worse or else",
    "again": "told again",
    "over": "told that it is over",
    "past": "told when it was over",
    "closed": "closed",
}


def render(report: AlertHistoryReport) -> RenderableType:
    """Oldest first."""
    if not report.entries:
        return Text("Nothing was told yet.")
    table = Table(box=None, pad_edge=False)
    for title in ("when", "incident", "what", "of what"):
        table.add_column(title, no_wrap=title != "of what")
    for one in report.entries:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.at))
        cause = one.incident.explanation
        message = clean(one.incident.message)
        if cause is not None and cause.issue:
            message += f" (likely: {clean(cause.title)})"
        table.add_row(when, one.incident.id, _WORDS[one.what], Text(message))
    return Group(table)
