"""`keepwell diagnose --html`: causes, evidence, rivals, fixes and what changed on one page, to send to a colleague."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from keepwell.app.report import DiagnosesReport, DiagnosisReport, Looked
from keepwell.core.finding import Finding
from keepwell.core.hypothesis import Hypothesis
from keepwell.core.words import share, span
from keepwell.pages.chart import draw_changes
from keepwell.pages.environment import render_template

#: A rival less likely than this is not worth a line.
RIVAL_FLOOR = 0.03
#: The colour of the verdict, by exit code.
_STATUS = {0: "ok", 1: "warning", 2: "critical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that changed: how long before, what, and who tells it."""

    lag: str
    what: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One diagnosis as the page shows it."""

    report: DiagnosisReport
    name: str
    well: bool
    status: str
    verdict: str
    rivals: tuple[Hypothesis, ...]
    ruled_out: tuple[Hypothesis, ...]
    unexplained: tuple[Finding, ...]
    changes: tuple[Change, ...]
    chart: Markup
    looked: tuple[Looked, ...]


def render(report: DiagnosisReport | DiagnosesReport) -> str:
    """The page. Of several nodes one below the other."""
    if isinstance(report, DiagnosesReport):
        views = [_view(one) for one in report.nodes]
        title = f"keepwell: {len(views)} nodes"
        return render_template("diagnose.html", title=title, views=views, unreached=report.unreached)
    view = _view(report)
    return render_template("diagnose.html", title=f"keepwell: {view.name}", views=[view], unreached=())


def _view(report: DiagnosisReport) -> View:
    name = "a pasted text"
    if report.node is not None:
        name = report.node.ref.name
    unexplained = _unexplained(report)
    well = not report.causes and not unexplained
    return View(
        report=report,
        name=name,
        well=well,
        status=_STATUS.get(report.exit_code, "unknown"),
        verdict=_verdict(report, well),
        rivals=tuple(one for one in report.diagnosis.hypotheses[1:] if one.confidence >= RIVAL_FLOOR),
        ruled_out=report.diagnosis.ruled_out,
        unexplained=unexplained,
        changes=_changes(report),
        chart=_chart(report),
        looked=report.looked * (report.node is not None and not report.node.engines),
    )


def _verdict(report: DiagnosisReport, well: bool) -> str:
    if report.causes:
        first, *others = report.causes
        more = f", and {len(others)} more" * bool(others)
        return f"Most likely: {first.title} ({share(first.confidence)}){more}"
    if not well:
        return "Something is not well, and no known cause explains it."
    if report.node is None:
        return "Nothing in this text is a known sign of a fault."
    return "All well: no check found anything wrong."


def _unexplained(report: DiagnosisReport) -> tuple[Finding, ...]:
    told = {one.source for cause in report.causes for one in cause.supporting}
    return tuple(one for one in report.findings if one.bad and not told & {one.check, f"{one.check} at {one.subject}"})


def _until(report: DiagnosisReport) -> tuple[float, str]:
    if report.first_error_at is None:
        return report.at, "now"
    return report.first_error_at, "first error"


def _changes(report: DiagnosisReport) -> tuple[Change, ...]:
    until, label = _until(report)
    after = {"now": "ago"}.get(label, "before the first error")
    rows = []
    for one in report.changes:
        sides = f": {one.was} -> {one.now}" * bool(one.was and one.was not in one.what)
        rows.append(Change(lag=f"{span(until - one.at)} {after}", what=f"{one.what}{sides}", source=one.source))
    return tuple(rows)


def _chart(report: DiagnosisReport) -> Markup:
    """Safe as it is: it holds numbers and one of two words."""
    until, label = _until(report)
    return Markup(draw_changes([one.at for one in report.changes], until, label))
