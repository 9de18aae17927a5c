"""What came of carrying out or taking back a plan."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.repair_report import RunReport
from keepwell.cli.words import clean, sign
from keepwell.conform.ledger import is_copy, name_items
from keepwell.core.finding import Status

_WORDS = {
    "well": (Status.OK, "repaired, and the check that asked for it says that it is well"),
    "not-well": (Status.CRITICAL, "carried out, but the check that asked for it is not satisfied"),
    "failed": (Status.CRITICAL, "broken off"),
    "stopped": (Status.WARNING, "stopped"),
    "undone": (Status.OK, "undone"),
}
#: How each state of an item reads.
_MARKS = {"pending": "·", "begun": "…", "done": "✓", "undoing": "…", "undone": "↺", "failed": "✗"}


def render_run(report: RunReport) -> RenderableType:
    """Each item with its mark, the verdict, and what can be done now."""
    status, words = _WORDS[report.outcome.state]
    names = name_items(report.plan)
    lines = [
        Text(f"  {_MARKS[item.state]} {clean(names[item.key])}  {clean(item.detail, 200)}".rstrip())
        for item in report.items
        if not is_copy(item.key)
    ]
    lines.append(Text.assemble(sign(status), f" {words}: {clean(report.outcome.detail)}"))
    return Group(*lines, *_next(report))


def _next(report: RunReport) -> list[Text]:
    if report.outcome.state == "undone":
        return []
    lines = [Text(f"take back: keepwell undo {report.id}", style="dim")]
    if report.outcome.state in ("failed", "stopped"):
        lines.insert(0, Text(f"go on:     keepwell apply {report.id}", style="dim"))
    return lines
