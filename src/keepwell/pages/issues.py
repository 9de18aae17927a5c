"""The catalogue as a page, and how true its confidences are: `keepwell issues [evaluate FILE] --html PAGE`."""

from __future__ import annotations

from markupsafe import Markup

from keepwell.app.lessons.evaluating import HEAD, draw_way, list_rows
from keepwell.app.lessons.evaluation_report import EvaluationReport
from keepwell.app.report import CatalogueReport
from keepwell.pages.environment import render_template


def render(report: CatalogueReport | EvaluationReport) -> str:
    """The page of either answer."""
    if isinstance(report, EvaluationReport):
        return render_template(
            "issues.html",
            title="How true the confidences are",
            head=HEAD,
            rows=list_rows(report.ways),
            notes=[f"{one.name}: {one.what}" for one in report.ways],
            drawings=[Markup(draw_way(one)) for one in report.ways],  # made here, its texts escaped
        )
    rows = [(one.id, one.family, one.title) for one in report.issues]
    return render_template(
        "issues.html", title="Known causes", head=("cause", "family", "what"), rows=rows, notes=(), drawings=()
    )
