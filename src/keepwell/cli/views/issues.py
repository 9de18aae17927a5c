"""`keepwell issues` on a screen: the catalogue as a table."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.report import CatalogueReport


def render(report: CatalogueReport) -> RenderableType:
    """One line a cause, by family."""
    table = Table(box=None, pad_edge=False)
    for title in ("cause", "family", "what"):
        table.add_column(title, no_wrap=title != "what")
    for one in report.issues:
        table.add_row(Text(one.id, style="bold"), one.family, one.title + "  (repairable)" * bool(one.repair))
    return Group(table, Text(f"{len(report.issues)} causes. One whole: keepwell explain CAUSE", style="dim"))
