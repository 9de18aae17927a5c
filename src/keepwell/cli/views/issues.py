"""`keepwell issues` on a screen: the catalogue as a table, or how well it recognises incidents."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.lessons.catalogue_test import TestReport
from keepwell.app.lessons.evaluation_report import EvaluationReport
from keepwell.app.report import CatalogueReport
from keepwell.cli.views.catalogue_test import render_test
from keepwell.cli.views.evaluation import render_evaluation


def render(report: CatalogueReport | EvaluationReport | TestReport) -> RenderableType:
    """One line a cause, by family; or the figures."""
    if isinstance(report, TestReport):
        return render_test(report)
    if isinstance(report, EvaluationReport):
        return render_evaluation(report)
    table = Table(box=None, pad_edge=False)
    for title in ("cause", "family", "what"):
        table.add_column(title, no_wrap=title != "what")
    for one in report.issues:
        table.add_row(Text(one.id, style="bold"), one.family, one.title + "  (repairable)" * bool(one.repair))
    return Group(table, Text(f"{len(report.issues)} causes. One whole: keepwell explain CAUSE", style="dim"))
