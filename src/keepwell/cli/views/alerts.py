"""`keepwell alerts` on a screen: what is wrong, what is about to be, what is worked on, and who is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.alerting.reports import AlertsReport, IncidentLine, OutletLine
from keepwell.cli.words import STYLES, clean, share, sign, span
from keepwell.core.finding import Status
from keepwell.core.observation import Missing

#: Subjects of one incident that are named.
SUBJECTS = 4


def render(report: AlertsReport) -> RenderableType:
    """What was changed, then how things are."""
    parts: list[RenderableType] = []
    if report.done:
        parts.append(Text.assemble(("✓ ", "green"), clean(report.done)))
    if isinstance(report.looked_at, Missing):
        parts.append(Text(clean(report.looked_at.reason), style="yellow"))
    for one in report.incidents:
        parts += _incident(one)
    if not report.incidents:
        parts.append(Text("Nothing is wrong that people are told of."))
    for condition in report.pending:
        age = span(max(time.time() - condition.since, 0.0))
        parts.append(Text(f"  pending for {age}: {clean(condition.message)}", style="dim"))
    parts += [Text(line) for line in _maintenance(report)]
    parts.append(_outlets(report))
    return Group(*parts)


def _incident(line: IncidentLine) -> Iterator[Text]:
    one = line.incident
    style, _ = STYLES[one.worst]
    yield Text.assemble(sign(one.worst), " ", (clean(one.message), style))
    others = ", ".join(clean(each, 60) for each in line.subjects[1 : 1 + SUBJECTS])
    if len(line.subjects) > 1 + SUBJECTS:
        others += f" and {len(line.subjects) - 1 - SUBJECTS} more"
    yield Text(f"  {one.id}  {clean(one.subject)}, since {_clock(one.began_at)}, {_said(line)}")
    if others:
        yield Text(f"  with it: {others}")
    cause = one.explanation
    if cause is not None and cause.issue:
        yield Text(f"  likely cause ({share(cause.confidence)}): {clean(cause.title)}; keepwell explain {cause.issue}")


def _said(line: IncidentLine) -> str:
    one = line.incident
    if one.ended_at:
        return f"over since {_clock(one.ended_at)}, which is told after quiet hours"
    if one.told is Status.OK:
        return f"told at {_clock(one.due_at)} unless quiet hours hold it"
    if one.acked_at:
        return f"told {_clock(one.told_at)}, {clean(one.acked_by) or 'somebody'} knows"
    return f"told {_clock(one.told_at)}"


def _maintenance(report: AlertsReport) -> Iterator[str]:
    for one in report.maintenance:
        yield f"  in maintenance until {_clock(one.until)}: {clean(one.subject)} {clean(one.why)}".rstrip()
    for subject in report.drained:
        yield f"  drained, so in maintenance: {clean(subject)}"


def _outlets(report: AlertsReport) -> RenderableType:
    if not report.outlets:
        return Text("Nobody is told: [[notify]] in keepwell.toml says who.", style="yellow")
    table = Table(box=None, pad_edge=False)
    for title in ("outlet", "told from", "took a message", "waiting", "problem"):
        table.add_column(title)
    for one in report.outlets:
        table.add_row(*_cells(one))
    return table


def _cells(one: OutletLine) -> tuple[str, ...]:
    taken = "-"
    if one.state.taken_at:
        taken = _clock(one.state.taken_at)
    return clean(one.name), one.least, taken, str(one.waiting or "-"), clean(one.state.problem) or "-"


def _clock(at: float) -> str:
    return time.strftime("%a %d %b %H:%M:%S", time.localtime(at))
