"""`keepwell baseline` on a screen: the lines for keepwell.toml as they are, so that they can be written to it."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from keepwell.app.desired.report import BaselineReport

#: Lines are not broken: they are TOML.
AS_IT_IS = True


def render(report: BaselineReport) -> RenderableType:
    """The text, or what there is to say instead."""
    if not report.tables:
        return Text(f"# nothing was found on {report.node} that a step keeps\n{report.text}".rstrip())
    return Text(report.text.rstrip())
