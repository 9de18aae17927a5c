"""`keepwell bench baseline` and `bench baselines` on a screen: a line a baseline."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.benching.baseline_report import BaselinesReport
from keepwell.cli.words import clean
from keepwell.store.bench_baselines import KeptBench

_TITLES = ("engine", "model", "load", "runs", "changed", "newest verdict")
_STYLES = {"regressed": "bold yellow", "improved": "green"}


def render(report: BaselinesReport) -> RenderableType:
    """What was done, then the table, or what would make one."""
    parts: list[RenderableType] = [Text(report.done)] * bool(report.done)
    if report.problem:
        parts.append(Text(clean(report.problem), style="yellow"))
    if not report.baselines:
        return Group(*parts, Text("No baseline is kept: keepwell bench measures, keepwell bench baseline keeps it."))
    table = Table(box=None, pad_edge=False)
    for title in _TITLES:
        table.add_column(title, no_wrap=title == "changed")
    for one in report.baselines:
        table.add_row(*(Text(clean(cell)) for cell in _cells(one)), _verdict(one))
    return Group(*parts, table)


def _cells(one: KeptBench) -> list[str]:
    engine = one.key.get("engine", "") or one.key.get("address", "")
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
    cells = [engine.removeprefix("engine:"), one.key.get("model", ""), one.key.get("load", "")]
    return [*cells, str(len(one.ids)), changed]


def _verdict(one: KeptBench) -> Text:
    if one.last is None:
        return Text("-")
    return Text(clean(one.last.word), style=_STYLES.get(one.last.word, ""))
