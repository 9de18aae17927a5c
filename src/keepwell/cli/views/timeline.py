"""`keepwell timeline` on a screen: a day a heading, an event a line, the first error in its place."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.timeline_report import TimelineReport
from keepwell.cli.words import clean, span
from keepwell.core.event import Event
from keepwell.timeline.merge import Unread
from keepwell.timeline.relate import fold

#: Events shown, the newest; more scroll away.
EVENTS_SHOWN = 200
#: How long before the first error an event is told in relation to it.
RELATED_SECONDS = 24 * 3600.0
#: Columns of the time and of the kind.
TIME_COLUMNS, KIND_COLUMNS = 8, 16
_DOUBT = {
    "exact": "",
    "zone": "local time, zone or summer time unsure",
    "last": "by the last date that is known",
    "between": "some time since {after}",
    "clock": "the clock was wrong then",
}


def render(report: TimelineReport) -> RenderableType:
    """The days in order, or what was looked for where nothing is known; then what could not be read."""
    parts: list[RenderableType] = [_heading(report)]
    shown = report.events[-EVENTS_SHOWN:]
    day = ""
    for event, last, count in fold(with_first_error(shown, report)):
        name = time.strftime("%a %Y-%m-%d", time.localtime(event.at))
        if name != day:
            parts.append(Text(name, style="bold"))
            day = name
        parts.append(_line(event, report, _again(count, last)))
    if not shown:
        parts.append(Text(f"Nothing is known to have happened in the last {span(report.since_seconds)}."))
    if len(report.events) > len(shown):
        left = len(report.events) - len(shown)
        parts.append(Text(f"and {left} earlier: a shorter --since, --kind, or --json for all", style="dim"))
    parts += render_unread(report.unread)
    return Group(*parts)


def with_first_error(events: Iterable[Event], report: TimelineReport) -> list[Event]:
    """The events with the first error among them, if it lies in the window."""
    found = list(events)
    at = report.first_error_at
    if at is not None and at >= report.at - report.since_seconds:
        what = f"FIRST ERROR: {report.cause}"
        place = sum(one.at <= at for one in found)
        found.insert(place, Event(at=at, kind="unit-failed", what=what, source="log", topic="first-error"))
    return found


def _again(count: int, last: Event) -> str:
    until = time.strftime("%a %H:%M:%S", time.localtime(last.at))
    return f"{count} times until {until}" * (count > 1)


def relation(event: Event, report: TimelineReport) -> str:
    """How long before the first error, else how long ago."""
    first = report.first_error_at
    if event.topic == "first-error":
        return f"{span(report.at - event.at)} ago"
    if first is not None and 0 <= first - event.at <= RELATED_SECONDS:
        return f"{span(first - event.at)} before the first error"
    if event.at > report.at:
        return f"{span(event.at - report.at)} ahead"
    return f"{span(report.at - event.at)} ago"


def render_unread(unread: Iterable[Unread]) -> Iterator[RenderableType]:
    """What could not be read with the reason, a line each; what is not on the node in one line."""
    rows = list(unread)
    failed = [one for one in rows if not one.absent]
    gone = [one.source for one in rows if one.absent]
    if failed:
        yield Text("Could not be read:", style="yellow")
    for one in failed:
        yield Text.assemble(f"  {clean(one.source)}", (f"  {clean(one.reason)}", "dim"))
    if gone:
        yield Text(f"Not on this node: {clean(', '.join(gone))}", style="dim")


def _heading(report: TimelineReport) -> Text:
    kinds = f", only {', '.join(report.kinds)}" * bool(report.kinds)
    zone = time.strftime("%Z", time.localtime(report.at))
    return Text.assemble(
        (clean(report.node), "bold"), f": what changed in the last {span(report.since_seconds)}{kinds}, times in {zone}"
    )


def _line(event: Event, report: TimelineReport, again: str) -> RenderableType:
    error = event.topic == "first-error"
    style = "bold red" * error
    text = Text(clean(event.what), style=style)
    doubt = _DOUBT[event.sure].format(after=time.strftime("%a %H:%M", time.localtime(event.after)))
    notes = ", ".join(one for one in (again, relation(event, report), doubt) if one)
    text.append(f"  ({notes})", style="dim")
    for label, value in (("was", event.was), ("is", event.now)):
        if event.was and value and value not in event.what:
            text.append(f"\n{label:<3} {clean(value)}", style="dim")
    row = Table.grid(padding=(0, 1))
    row.add_column(width=TIME_COLUMNS)
    row.add_column(width=KIND_COLUMNS, style="cyan")
    row.add_column(overflow="fold")
    row.add_row(time.strftime("%H:%M:%S", time.localtime(event.at)), event.kind * (not error), text)
    return row
