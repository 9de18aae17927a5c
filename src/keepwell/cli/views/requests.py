"""`keepwell requests` on a screen: a line for each request."""

from __future__ import annotations

import time

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.serving.recorded import RequestsReport
from keepwell.cli.words import clean
from keepwell.core.text import escape_controls
from keepwell.store.bodies import KeptBody
from keepwell.store.requests import RequestRow

_COLUMNS = ("", "when", "key", "asked", "answered by", "status", "outcome", "tokens", "first byte", "total")


def render(report: RequestsReport) -> RenderableType:
    """When, who, what, where, how it ended and how fast."""
    if report.body is not None:
        return _text(report.body)
    if not report.requests:
        return Text("No request was served yet. keepwell gateway serves.")
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name)
    for one in report.requests:
        table.add_row(*(clean(word, 80) for word in _words(one)))
    return table


def _text(body: KeptBody) -> Text:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(body.at))
    head = f"{body.id}  {when}  {body.route}  {body.key or '-'}\n\n"
    parts = ("asked:\n", escape_controls(body.asked), "\n\nanswered:\n", escape_controls(body.answered))
    return Text.assemble(head, *parts)


def _words(one: RequestRow) -> list[str]:
    tokens = "-"
    if one.output_tokens >= 0:
        tokens = f"{max(0, one.input_tokens)} + {one.output_tokens}"
    answered = " ".join(word for word in (one.replica, one.answered * (one.answered != one.asked)) if word)
    when = time.strftime("%H:%M:%S", time.localtime(one.at))
    outcome = one.outcome or "well"
    retried = f" after {one.retries} retries" * bool(one.retries)
    seconds = [_milliseconds(number) for number in (one.first_byte_seconds, one.total_seconds)]
    ended = [str(one.status), outcome + retried, tokens]
    return [str(one.id), when, one.key or "-", one.asked, answered or "-", *ended, *seconds]


def _milliseconds(seconds: float) -> str:
    if seconds < 0:
        return "-"
    return f"{seconds * 1000:.0f} ms"
