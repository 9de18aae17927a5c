"""Requests that run or wait, as they stream."""

from __future__ import annotations

from keepwell.app.overview.model import Overview, RequestRow
from keepwell.tui.cells import Cell, Column, Row, Table, Tone
from keepwell.tui.figures import Figures
from keepwell.tui.tables.signs import text

COLUMNS = (
    Column(title="request", width=9, rank=2),
    Column(title="model", width=14, grows=True),
    Column(title="key", width=8, rank=1),
    Column(title="engine", width=14, rank=3),
    Column(title="stage", width=9),
    Column(title="for", width=6, right=True),
    Column(title="queued", width=6, right=True, rank=2),
    Column(title="ttft", width=6, right=True),
    Column(title="tokens", width=6, right=True),
    Column(title="speed", width=6, right=True),
)
EMPTY = "No request runs. Clients that ask the gateway (keepwell gateway) show here as they stream."
_STAGES: dict[str, Tone] = {"waiting": "warn", "prompt": "", "answering": "good"}


def make_requests(overview: Overview, figures: Figures) -> Table:
    """Those that have taken longest first."""
    rows = tuple(_request(one, figures) for one in overview.requests)
    waiting = sum(one.stage == "waiting" for one in overview.requests)
    title = f"{len(rows) - waiting} at work" + f", {waiting} wait" * bool(waiting)
    return Table(name="requests", title=title, columns=COLUMNS, rows=rows, empty=EMPTY)


def _request(one: RequestRow, figures: Figures) -> Row:
    key = f"request:{one.source}/{one.id}"
    engine, name = one.replica, one.id
    if one.source == "log":
        name = "direct"
    return Row(
        key=key,
        subject=key,
        words=one.source,
        cells=(
            text(name, "dim"),
            text(one.model or "?"),
            text(one.key or "-"),
            text(engine, "dim"),
            text(one.stage, _STAGES.get(one.stage, "")),
            _whole(one.seconds, figures),
            figures.seconds(one.queue_seconds),
            figures.seconds(one.ttft_seconds),
            figures.count(one.output_tokens),
            figures.rate(key, one.tokens_per_second),
        ),
    )


def _whole(seconds: float, figures: Figures) -> Cell:
    if not seconds:
        return figures.none()
    return figures.seconds(max(1.0, seconds))
