"""`keepwell speeds` on a screen: one line a run, then each engine's newest against an earlier one."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.speeds import SpeedLine, SpeedsReport
from keepwell.cli.words import clean, figure
from keepwell.core.observation import Missing

_TITLES = ("run", "measured", "engine", "model", "tokens/s", "prompt tokens/s", "first token")


def render(report: SpeedsReport) -> RenderableType:
    """The list, or what would make one."""
    if not report.runs:
        return Text(f"{report.problem or 'Nothing is kept'}. keepwell diagnose --level 4 measures.")
    table = Table(box=None, pad_edge=False)
    for title in _TITLES:
        table.add_column(title, no_wrap=title in ("run", "measured"))
    for one in report.runs:
        table.add_row(*_cells(one))
    words = {True: "bold yellow", False: ""}
    return Group(table, *(Text(f"\n{clean(one.message)}", style=words[one.bad]) for one in report.compared))


def _cells(one: SpeedLine) -> list[Text]:
    measured = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
    cells = [one.run, measured, one.engine, one.model]
    cells += [_figure(one.output_tokens_per_second), _figure(one.input_tokens_per_second)]
    cells.append(_figure(one.first_token_seconds, " s"))
    return [Text(clean(cell)) for cell in cells]


def _figure(number: float | Missing, unit: str = "") -> str:
    """The number, or a dash where it was not measured."""
    if isinstance(number, Missing):
        return "-"
    return f"{figure(number)}{unit}"
