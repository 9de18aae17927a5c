"""A plan that the owner's word forbids is shown with what it would change and the word."""

from __future__ import annotations

import io

from rich.console import Console

from keepwell.app.repair_report import PlanReport, RefusedPlan
from keepwell.cli.views.plan import render
from keepwell.config.model import DecisionEntry
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import engine
from keepwell.core.step import Change, Plan, SetMode

HERE = engine("box", "e")
FINDING = Finding(check="store.readable", subject=HERE, status=Status.CRITICAL, message="cannot read /models")


def test_a_refused_plan_says_why_and_not_that_nothing_is_to_do() -> None:
    change = Change(
        subject=HERE,
        what="mode of /models",
        before="0700",
        after="0755",
        do=SetMode(path="/models", mode=0o755),
        undo=SetMode(path="/models", mode=0o700),
    )
    refused = RefusedPlan(
        issue="",
        finding=FINDING,
        plan=Plan(step="s", check="store.readable", subject=HERE, why="w", changes=(change,)),
        decision=DecisionEntry(what="hands off", why="a benchmark runs", about="e"),
    )
    out = io.StringIO()
    report = PlanReport(planned=(), findings=(FINDING,), asked_for="", refused=(refused,))
    Console(file=out, width=120, highlight=False).print(render(report))
    text = out.getvalue()
    assert "Not planned  cannot read /models  (store.readable)" in text
    assert "it would change: mode of /models" in text
    assert "but decided for e: hands off (a benchmark runs)" in text
    assert "Nothing to do" not in text
    assert report.exit_code == 0
