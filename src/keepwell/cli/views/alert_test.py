"""`keepwell alerts test` on a screen: a line for each outlet."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.alerting.trying import AlertTestReport
from keepwell.cli.words import clean


def render(report: AlertTestReport) -> RenderableType:
    """What each said."""
    lines = []
    for one in report.tried:
        mark, words = ("✓ ", "green"), f"{clean(one.name)} took it ({one.through}, {one.seconds:.1f} s)"
        if one.problem:
            mark, words = ("✗ ", "bold red"), f"{clean(one.name)}: {clean(one.problem)}"
        lines.append(Text.assemble(mark, words))
    return Group(*lines)
