"""`keepwell key` on a screen: a new key's secret, then all keys."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.clients import PRIORITIES, KeysReport
from keepwell.cli.words import clean


def render(report: KeysReport) -> RenderableType:
    """The secret with how it is used, then a line for each key."""
    parts: list[RenderableType] = []
    if report.done:
        parts.append(Text.assemble(("✓ ", "green"), clean(report.done)))
    if report.secret:
        how = "   shown this once; send it as Authorization: Bearer KEY"
        parts.append(Text.assemble("  ", (report.secret, "bold"), how))
    if not report.keys:
        parts.append(Text("No keys: the gateway serves this machine alone. keepwell key new NAME makes one."))
        return Group(*parts)
    words = {number: word for word, number in PRIORITIES.items()}
    table = Table(box=None, pad_edge=False)
    for name in ("key", "made", "priority", "requests a minute", "tokens a minute", "at once", "digest"):
        table.add_column(name)
    for one in report.keys:
        limits = [str(number or "-") for number in (one.per_minute, one.tokens_per_minute, one.at_once)]
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.made_at))
        table.add_row(clean(one.name), made, words[one.priority], *limits, one.digest)
    return Group(*parts, table)
