"""`keepwell issues evaluate` on a screen: a line of figures for each way, and how true the confidences are as bars."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.lessons.evaluating import HEAD, list_rows
from keepwell.app.lessons.evaluation_report import EvaluationReport
from keepwell.cli.words import clean
from keepwell.learning.measure import Bin

#: Characters of a full bar.
WIDTH = 40


def render_evaluation(report: EvaluationReport) -> RenderableType:
    """The figures of all ways, then the reliability of the first and of the one that counts, if there is one."""
    table = Table(box=None, pad_edge=False)
    for number, title in enumerate(HEAD):
        table.add_column(title, justify=("left", "right")[number > 0], no_wrap=True)
    for row in list_rows(report.ways):
        table.add_row(*row)
    lines = [Text(f"{one.name}: {one.what}", style="dim") for one in report.ways]
    parts: list[RenderableType] = [table, Text(), *lines, Text()]
    for way in report.ways[:1]:
        parts.append(Text(f"How true the confidences are ({way.name}):", style="bold"))
        parts += [_bar(one) for one in way.figures.bins]
    counted = report.ways[0].figures.incidents
    parts += [Text(), Text(f"{counted} of {report.incidents} incidents counted ({clean(report.path)})", style="dim")]
    parts += [Text(f"written: {clean(name)}", style="dim") for name in report.written]
    return Group(*parts)


def _bar(one: Bin) -> Text:
    """Share right as a bar, with a mark where it should end."""
    filled, mark = round(WIDTH * one.right.share), round(WIDTH * one.confidence)
    cells = ["█" * (place < filled) or "·" for place in range(WIDTH + 1)]
    cells[mark] = "|"
    told = f"{one.right.hits} of {one.count} right, told {one.confidence:.0%}"
    return Text.assemble(f"  {one.low:.1f} to {one.high:.1f}  ", ("".join(cells), "cyan"), f"  {told}")
