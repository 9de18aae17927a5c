"""`keepwell init` on a screen: what was written where."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.initialising import InitReport
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Status


def render(report: InitReport) -> RenderableType:
    """The file, what it declares, and what to do next; nothing more where the text itself was asked for."""
    if not report.written:
        return Text()
    parts = [Text.assemble(sign(Status.OK), f" wrote {clean(report.path)}")]
    for word, found in (("node", report.nodes), ("engine", report.engines), ("service", report.services)):
        shown = ", ".join(clean(one, 100) for one in found) or "none"
        parts.append(Text(f"  {len(found)} {word}{'s' * (len(found) != 1)}: {shown}"))
    parts.append(Text("Next: add the other machines to it, then keepwell diagnose", style="dim"))
    return Group(*parts)
