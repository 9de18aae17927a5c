"""`keepwell numbers` on a screen: value, owner, setting, what happens at it."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.numbers import NumbersReport
from keepwell.cli.words import clean
from keepwell.plugins.numbers import Number

_TITLES = ("default", "of", "setting", "what happens at it", "speaks for")
_MEBIBYTE = 1024 * 1024


def render(report: NumbersReport) -> RenderableType:
    """The list, or that nothing known has this number."""
    if not report.numbers:
        return Text(f"No known default is {clean(report.asked)}. keepwell numbers lists all.")
    table = Table(box=None, pad_edge=False)
    for title in _TITLES:
        table.add_column(title, no_wrap=title == "default")
    for one in report.numbers:
        cells = (_value(one), one.owner, one.name, one.when, ", ".join(one.causes))
        table.add_row(*(Text(clean(cell)) for cell in cells))
    return table


def _value(one: Number) -> str:
    if one.unit == "bytes":
        return f"{one.value // _MEBIBYTE} MB"
    return f"{one.value} {one.unit}"
