"""Lines that a node's healthy logs never held, beside a fault: a line a kind, those that speak of trouble first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from keepwell.app.novelty import NewLines
from keepwell.cli.words import clean

#: Kinds shown; `--json` lists all.
SHOWN = 5
#: Characters of a line that are shown.
LINE_CHARACTERS = 160


def render_new_lines(news: Sequence[NewLines]) -> list[RenderableType]:
    """What is new, grouped by the change since which it came; nothing where nothing is new."""
    ordered = sorted(news, key=_weight)
    lines: list[RenderableType] = []
    since = ""
    for one in ordered[:SHOWN]:
        if one.since != since:
            since = one.since
            lines.append(Text(f"New in the log of {one.subject} since {clean(since)}:", style="bold"))
        lines.append(Text.assemble(f"  {_how_often(one):>14}  ", clean(one.first, LINE_CHARACTERS)))
    if len(ordered) > SHOWN:
        lines.append(Text(f"  and {len(ordered) - SHOWN} more kinds of line (--json lists all)", style="dim"))
    if lines:
        lines.append(Text())
    return lines


def _how_often(one: NewLines) -> str:
    if not one.expected:
        return f"{one.count} times"
    return f"{one.count}, usual {one.expected:.0f}"


def _weight(one: NewLines) -> tuple[bool, str, str, int]:
    return not one.trouble, str(one.subject), one.since, -one.count
