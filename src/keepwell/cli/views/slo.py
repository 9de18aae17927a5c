"""`keepwell slo` on a screen: a block an objective, with what is left and how fast it goes."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.objectives import ObjectiveLine, ObjectivesReport
from keepwell.cli.words import STYLES, clean, figure, sign

#: Cells of the bar of what is left.
BAR = 20
_NONE = (
    "No objective is declared. One in keepwell.toml looks like this:\n\n"
    '[[objective]]\nname = "answered"\nindicator = "availability"\ntarget = "99.5 %"\n'
)


def render(report: ObjectivesReport) -> RenderableType:
    """Each objective, or how to declare one."""
    if not report.objectives:
        return Text(_NONE)
    parts: list[RenderableType] = []
    for one in report.objectives:
        parts += [*_block(one), Text("")]
    return Group(*parts[:-1])


def _block(one: ObjectiveLine) -> list[RenderableType]:
    head = sign(one.status) + Text(f" {clean(one.name)}", style="bold") + Text(f"  {clean(one.promise)}", style="dim")
    parts: list[RenderableType] = [head, Text(f"  {clean(one.said)}", style=_style(one))]
    if one.events:
        parts += [_bar(one), _table(one)]
    if one.cold:
        words = f"  {one.cold} requests waited for their model to be loaded and count apart"
        parts.append(Text(f"{words}; {one.cold_bad} of them took longer", style="dim"))
    return [*parts, *(Text(f"  {clean(note)}", style="dim") for note in one.notes)]


def _style(one: ObjectiveLine) -> str:
    return STYLES[one.status][0] * (one.status != 0)


def _bar(one: ObjectiveLine) -> Text:
    left = max(0.0, min(1.0, one.left))
    filled = round(left * BAR)
    words = f" {one.left * 100:.0f} % left: {one.bad} of {figure(one.allowed)} allowed in {one.events} counted"
    return Text("  ") + Text("█" * filled + "░" * (BAR - filled), style=STYLES[one.status][0]) + Text(words)


def _table(one: ObjectiveLine) -> Table:
    table = Table(box=None, pad_edge=True, show_header=True, header_style="dim")
    table.add_column("")
    for window in one.windows:
        table.add_column(window.window, justify="right")
    table.add_row("bad", *(f"{window.bad}/{window.events}" for window in one.windows))
    table.add_row("times allowed", *(_burn(window.burn, window.events) for window in one.windows))
    return table


def _burn(burn: float, events: int) -> str:
    if not events:
        return "-"
    return figure(burn)
