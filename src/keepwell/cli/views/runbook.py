"""`keepwell report` on a screen: the Markdown as it is."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from keepwell.app.applying.runbook import RunbookReport
from keepwell.app.applying.runbook_text import render_markdown
from keepwell.cli.words import clean

#: The lines stay as they are: it is to be kept in a file.
AS_IT_IS = True
#: Characters of one line.
LINE_CHARACTERS = 20_000


def render(report: RunbookReport) -> RenderableType:
    """The text, with nothing that a terminal acts on."""
    return Text("\n".join(clean(line, LINE_CHARACTERS) for line in render_markdown(report).splitlines()))
