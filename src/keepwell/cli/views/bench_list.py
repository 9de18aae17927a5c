"""`keepwell bench list` on a screen: a line a result."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.benching.listed import BenchListReport, KeptLine
from keepwell.cli.words import clean, figure
from keepwell.core.observation import Missing

_TITLES = ("result", "measured", "engine", "model", "load", "requests", "first token", "tokens/s")


def render(report: BenchListReport) -> RenderableType:
    """The table, or what would make one."""
    problems = [Text(clean(one), style="yellow") for one in report.problems]
    if not report.results:
        return Group(Text("No result is kept yet: keepwell bench makes one."), *problems)
    table = Table(box=None, pad_edge=False)
    for title in _TITLES:
        table.add_column(title, no_wrap=title in ("result", "measured"))
    for one in report.results:
        table.add_row(*(Text(clean(cell)) for cell in _cells(one)))
    return Group(table, *problems)


def _cells(one: KeptLine) -> list[str]:
    measured = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created_at))
    load = one.load
    if one.stretches > 1:
        load += f" ({one.stretches})"
    engine = one.engine.removeprefix("engine:")
    wait, rate = _figure(one.ttft_p50, 1000, " ms"), _figure(one.output_tokens_per_second, 1, "")
    return [one.id, measured, engine, one.model, load, str(one.requests), wait, rate]


def _figure(number: float | Missing, times: float, unit: str) -> str:
    if isinstance(number, Missing):
        return "-"
    return f"{figure(number * times)}{unit}"
