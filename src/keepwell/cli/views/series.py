"""`keepwell series` on a screen: one line a series, its newest number or why there is none."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.hub.numbers import Number
from keepwell.app.newest import SeriesReport
from keepwell.cli.words import clean, figure, share, size, span

_TITLES = ("series", "about", "", "now", "read")
#: How a number of a unit is written; any other has its unit behind it.
_WORDS = {"bytes": size, "ratio": share}
#: Seconds from which a length of time is told in minutes, hours and days.
LONG_SECONDS = 120.0
#: The label of a part of a distribution: how many were at most so long.
PART = "le"
#: Seconds up to which a number is of this moment.
FRESH_SECONDS = 2.0


def render(report: SeriesReport) -> RenderableType:
    """The list, or what would make one."""
    problem = Text(clean(report.problem), style="yellow")
    if not report.series:
        return Text(clean(report.problem or "no series fits"))
    table = Table(box=None, pad_edge=False)
    for title in _TITLES:
        table.add_column(title)
    shown = [one for one in report.series if report.name or PART not in one.labels]
    for one in shown:
        table.add_row(*_cells(one, report.at))
    left = len(report.series) - len(shown)
    note = Text(f"{left} parts of distributions are not shown: name them to see them", style="dim")
    return Group(*[problem] * bool(report.problem), table, *[note] * bool(left))


def _cells(one: Number, now: float) -> list[Text]:
    labels = " ".join(f"{name}={value}" for name, value in one.labels.items())
    age = "now"
    if now - one.at > FRESH_SECONDS:
        age = f"{span(now - one.at)} ago"
    rest = [Text(clean(one.metric)), Text(clean(one.about)), Text(clean(labels))]
    if one.value is None:
        return [*rest, Text(clean(one.missing), style="dim"), Text(age)]
    return [*rest, Text(render_value(one.value, one.unit)), Text(age)]


def render_value(value: float, unit: str) -> str:
    """A number as a person reads it."""
    if unit == "seconds":
        if value >= LONG_SECONDS:
            return span(value)
        return f"{figure(value)} s"
    words = _WORDS.get(unit)
    if words is not None and value >= 0:
        return words(value)
    return f"{figure(value)} {unit}".rstrip()
