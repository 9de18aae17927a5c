"""`keepwell report RUN --html`: what a run did, on one page."""

from __future__ import annotations

from keepwell.app.applying.runbook import RunbookReport
from keepwell.app.applying.runbook_text import WORDS, describe_interruption
from keepwell.pages.environment import render_template

#: The colour of a run's state.
_STATUS = {"done": "ok", "undone": "ok", "failed": "critical", "begun": "warning", "undoing": "warning"}


def render(report: RunbookReport) -> str:
    """The page."""
    return render_template(
        "runbook.html",
        report=report,
        words=WORDS,
        status=_STATUS.get(report.state, "unknown"),
        traffic=[describe_interruption(one) for one in report.interruptions],
    )
