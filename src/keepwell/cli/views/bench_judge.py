"""`keepwell bench judge` on a screen: the sentence, each measure, and what changed since the baseline."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.benching.baseline_report import JudgeReport
from keepwell.bench.verdict import Judged
from keepwell.cli.words import clean, figure

_TITLES = ("measure", "baseline", "now", "change", "90 % interval", "by chance", "verdict")
_STYLES = {"regressed": "bold yellow", "improved": "green", "same": "green"}


def render(report: JudgeReport) -> RenderableType:
    """The verdict first."""
    held = report.held
    parts: list[RenderableType] = [Text(clean(held.said), style=_STYLES.get(held.word, ""))]
    if held.verdict is not None and held.verdict.measures:
        table = Table(box=None, pad_edge=False)
        for title in _TITLES:
            table.add_column(title)
        for one in held.verdict.measures:
            table.add_row(*_cells(one))
        parts += [Text(), table]
    if held.unlike:
        parts.append(Text("What differs, piece by piece:"))
        parts += [Text(clean(f"  {name}: {there or '-'} -> {here or '-'}")) for name, there, here in held.unlike]
    if held.events:
        parts.append(Text("\nChanged on the node since the baseline, newest first:"))
        for event in held.events:
            at = time.strftime("%Y-%m-%d %H:%M", time.localtime(event.at))
            parts.append(Text(clean(f"  {at}  {event.what}")))
    elif held.word == "regressed":
        parts.append(Text("No look at the node saw a change since the baseline: keepwell timeline looks now."))
    return Group(*parts)


def _cells(one: Judged) -> list[str]:
    if not one.runs:
        return [one.measure, "-", "-", "-", "-", "-", one.word]
    interval = f"{one.low - 1:+.1%} to {one.high - 1:+.1%}"
    return [
        one.measure,
        figure(one.before),
        figure(one.after),
        f"{one.ratio - 1:+.1%}",
        interval,
        f"{one.chance:.2g}",
        one.word,
    ]
