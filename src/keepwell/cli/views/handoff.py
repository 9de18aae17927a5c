"""`keepwell handoff` on a screen: the Markdown as it is, or where it was written to."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from keepwell.app.handing import HandoffReport
from keepwell.cli.words import clean

#: The lines stay as they are: a command that is broken in two is none, and the terminal wraps by itself.
AS_IT_IS = True
#: Characters of one line; the text is cut where it is made.
LINE_CHARACTERS = 20_000


def render(report: HandoffReport) -> RenderableType:
    """The text, a line each, with nothing that a terminal acts on."""
    if report.written_to:
        return Text(f"Written to {clean(report.written_to, 2000)}, {len(report.markdown.splitlines())} lines.")
    return Text("\n".join(clean(line, LINE_CHARACTERS) for line in report.markdown.splitlines()))
