"""Batches and jobs, with how far they are."""

from __future__ import annotations

from keepwell.app.overview.model import Overview, WorkRow
from keepwell.core.observation import Missing
from keepwell.tui.cells import Cell, Column, Row, Table, Tone
from keepwell.tui.figures import Figures
from keepwell.tui.tables.signs import text

COLUMNS = (
    Column(title="kind", width=5),
    Column(title="name", width=14, grows=True),
    Column(title="state", width=9),
    Column(title="", width=8, rank=2),
    Column(title="done", width=13, right=True),
    Column(title="left", width=6, right=True),
    Column(title="", width=24, rank=1),
)
EMPTY = (
    "Nothing is worked on. keepwell batch run FILE asks many requests, keepwell jobs run -- PROGRAM keeps a program."
)
_TONES: dict[str, Tone] = {
    **dict.fromkeys(("running", "done"), "good"),
    **dict.fromkeys(("stopped", "pausing", "waiting", "until", "budget", "stopping"), "warn"),
    **dict.fromkeys(("died", "failed", "lost", "alone", "unreachable"), "bad"),
}


def make_work(overview: Overview, figures: Figures) -> Table:
    """As they came."""
    rows = tuple(_work(one, figures) for one in overview.work)
    title = f"{sum(one.state == 'running' for one in overview.work)} at work of {len(rows)} batches and jobs"
    return Table(name="work", title=title, columns=COLUMNS, rows=rows, empty=EMPTY)


def _work(one: WorkRow, figures: Figures) -> Row:
    key = f"work:{one.kind}/{one.name}"
    ratio, done = figures.none(), Cell("")
    if one.total:
        ratio = figures.bar(key, "done", one.done / one.total, 0.0, 2.0)
        done = Cell(f"{one.done}/{one.total}", "", (one.done / one.total, ""))
    left = figures.none()
    if not isinstance(one.left_seconds, Missing):
        left = figures.seconds(max(1.0, one.left_seconds))
    return Row(
        key=key,
        subject=key,
        words=one.note,
        cells=(
            text(one.kind, "dim"),
            text(one.name, "bold"),
            text(one.state, _TONES.get(one.state, "")),
            ratio,
            done,
            left,
            text(one.note, "dim"),
        ),
    )
