"""`keepwell incident` on a screen: one incident, or the list."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.lessons.incident_report import IncidentReport, IncidentsReport
from keepwell.core.words import clean, share
from keepwell.learning.similar import SimilarIncident
from keepwell.store.incidents import Closing, Incident

#: What each state of an incident means, in words.
LABELS: Mapping[str, str] = {
    "open": "open",
    "said": "closed, on a word",
    "well": "closed, well so far",
    "confirmed": "confirmed",
    "came-back": "came back",
}
#: Suspects that one incident shows.
SUSPECTS = 5


def render(report: IncidentReport | IncidentsReport) -> RenderableType:
    """The incident, or the list, or what would make one."""
    if isinstance(report, IncidentsReport):
        return _list(report)
    incident = report.incident
    lines: list[RenderableType] = [Text.assemble((incident.id, "bold"), "  ", clean(incident.what))]
    lines += _opening(incident) * (report.did in ("opened", "shown"))
    lines += [_line("note", f"{_when(one.at)}  {one.text}") for one in incident.notes]
    if incident.closing is not None:
        lines += _closing(incident.closing)
    lines += [_line("learned", one) for one in report.taught]
    if report.evidence:
        lines += [Text(), Text("The evidence, redacted:", style="bold"), Text(_shown(report.evidence))]
    lines.append(_line("kept in", report.path))
    if report.next:
        lines.append(_line("next", report.next))
    return Group(*lines)


def render_similar(similar: tuple[SimilarIncident, ...]) -> list[RenderableType]:
    """Closed incidents that looked like this one: what they were, what helped, and what was checked then only."""
    if not similar:
        return []
    lines: list[RenderableType] = [Text("Similar incidents:", style="bold")]
    for one in similar:
        day = time.strftime("%Y-%m-%d", time.localtime(one.closed_at))
        lines.append(Text.assemble(f"  {day}  ", clean(one.cause), (f"  {LABELS[one.label]}, {one.id}", "dim")))
        if one.fixed_by:
            lines.append(_line("  fixed by", f" {one.fixed_by}"))
        if one.checked:
            lines.append(_line("  also", f"checked, and not here: {'; '.join(one.checked)}"))
    return [*lines, Text()]


def _shown(text: str) -> str:
    return "\n".join(clean(line, 2000) for line in text.split("\n"))


def _opening(incident: Incident) -> list[RenderableType]:
    lines = [_line("opened", f"{_when(incident.opened_at)}  from a {incident.source} {incident.node}".rstrip())]
    lines += [_line("bad", f"{one.message}  {one.check}") for one in incident.symptoms]
    suspects = [one for one in incident.suspects if one.place != "ruled-out"]
    lines += [_line("suspect", f"{share(one.confidence):>5}  {one.issue}") for one in suspects[:SUSPECTS]]
    if suspects:
        lines.append(_line("", f"{share(incident.unknown):>5}  none of the known causes"))
    return list(lines)


def _closing(closing: Closing) -> list[RenderableType]:
    lines: list[RenderableType] = [
        _line("cause", f"{closing.cause}  ({LABELS[closing.label]}, {_when(closing.at)})"),
    ]
    if closing.fixed_by:
        lines.append(_line("fixed by", closing.fixed_by))
    for one in closing.relooks[-1:]:
        words = {True: "well", False: "NOT well"}[one.well]
        lines += [_line(words, f"{_when(one.at)}  {said}") for said in one.said.split("\n")]
    return lines


def _list(report: IncidentsReport) -> RenderableType:
    lines: list[RenderableType] = []
    if report.incidents:
        table = Table(box=None, pad_edge=False)
        for title in ("incident", "opened", "state", "cause", "what"):
            table.add_column(title, no_wrap=title != "what")
        for one in report.incidents:
            state = LABELS[one.state]
            if one.due_at is not None:
                state = f"{state} (look again from {time.strftime('%H:%M', time.localtime(one.due_at))})"
            table.add_row(Text(one.id, style="bold"), _when(one.opened_at), state, one.cause, Text(clean(one.what, 80)))
        lines.append(table)
    else:
        lines.append(Text("No incident was kept yet. keepwell incident open keeps one while something is wrong."))
    lines += [Text(f"! {clean(one, 2000)}", style="yellow") for one in report.problems]
    return Group(*lines)


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _line(label: str, text: str) -> Text:
    return Text.assemble((f"  {label:<9}", "green"), clean(text, 2000))
