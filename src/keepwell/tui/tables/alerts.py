"""Incidents that last."""

from __future__ import annotations

from keepwell.app.overview.model import AlertRow, Overview
from keepwell.tui.cells import Column, Row, Table, Tone
from keepwell.tui.figures import Figures
from keepwell.tui.tables.signs import count, sign, text

COLUMNS = (
    Column(title="", width=1),
    Column(title="alert", width=24, grows=True),
    Column(title="of", width=18, rank=1),
    Column(title="for", width=6, right=True),
    Column(title="known", width=5, rank=2),
)
EMPTY = "No alert lasts: all is well, as far as is known."


def make_alerts(overview: Overview, figures: Figures) -> Table:
    """The worst first."""
    rows = tuple(_alert(one, overview.at, figures) for one in overview.alerts)
    return Table(name="alerts", title=count(len(rows), "alert"), columns=COLUMNS, rows=rows, empty=EMPTY)


def _alert(one: AlertRow, now: float, figures: Figures) -> Row:
    key = f"alert:{one.id}"
    tone: Tone = ""
    if one.acknowledged:
        tone = "dim"
    return Row(
        key=key,
        subject=key,
        words=f"{one.cause} {one.command}",
        cells=(
            sign(one.status, plain=figures.plain),
            text(one.title, tone),
            text(one.subject.partition(":")[2], "dim"),
            figures.seconds(max(1.0, now - one.since)),
            text("yes" * one.acknowledged, "dim"),
        ),
    )
