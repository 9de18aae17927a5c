"""`keepwell moved` on a screen: a line a series that moved, most first, with when and how sure; or that none did."""

from __future__ import annotations

import time
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.moving import MovedReport
from keepwell.cli.words import clean, figure, span
from keepwell.series import Move

#: Series shown; `--json` lists all.
SHOWN = 15
_TITLES = ("series", "before", "after", "onset", "by chance")


def render(report: MovedReport) -> RenderableType:
    """The verdict, the table, and what could not be looked at."""
    parts: list[RenderableType] = [Text(_verdict(report), style="bold")]
    if report.moved:
        parts.append(_table(report))
    if len(report.moved) > SHOWN:
        parts.append(Text(f"and {len(report.moved) - SHOWN} more (--json lists all)", style="dim"))
    parts.append(Text(_basis(report), style="dim"))
    return Group(*parts)


def _verdict(report: MovedReport) -> str:
    when = datetime.fromtimestamp(report.at).isoformat(" ", "seconds")
    window = span(report.window_seconds)
    if not report.healthy_moments:
        return f"Before {when} too little was measured to tell movement from chance."
    if not report.moved:
        return f"Nothing moved beyond chance in the {window} after {when}."
    first, most = report.first, report.moved[0]
    said = f"{len(report.moved)} series moved beyond chance in the {window} after {when}. Most: {clean(most.name)}."
    if first is not None:
        said += f" First: {clean(first.name)}, {_onset(first, report)}."
    return said


def _table(report: MovedReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in _TITLES:
        table.add_column(title, overflow="fold")
    for one in report.moved[:SHOWN]:
        cells = [clean(one.name), figure(one.before), figure(one.after), _onset(one, report), _chance(one.chance)]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _onset(move: Move, report: MovedReport) -> str:
    if move.onset is None:
        return "-"
    when = time.strftime("%H:%M:%S", time.localtime(move.onset))
    side = {True: "after", False: "before"}[move.onset >= report.at]
    return f"{when}, {span(abs(move.onset - report.at))} {side}"


def _chance(chance: float) -> str:
    if chance < 0.0001:
        return "under 1 in 10,000"
    return f"1 in {1 / chance:,.0f}"


def _basis(report: MovedReport) -> str:
    count = len(report.moved) + len(report.still)
    reasons: dict[str, int] = {}
    for one in report.left_out:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    left = "".join(f"; {number} left out: {reason}" for reason, number in reasons.items())
    return f"{count} series, {report.healthy_moments} healthy moments of their past{left}"
