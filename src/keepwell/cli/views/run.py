"""What came of carrying out or taking back a plan."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.repair_report import RunReport
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Status

_WORDS = {
    "well": (Status.OK, "repaired, and the check that asked for it says that it is well"),
    "not-well": (Status.CRITICAL, "carried out, but the check that asked for it is not satisfied"),
    "failed": (Status.CRITICAL, "broken off"),
    "undone": (Status.OK, "undone"),
}
#: How each state of an item reads.
_MARKS = {"pending": "·", "begun": "…", "done": "✓", "undoing": "…", "undone": "↺", "failed": "✗"}


def render_run(report: RunReport) -> RenderableType:
    """Each item with its mark, the verdict, and what can be done now."""
    status, words = _WORDS[report.outcome.state]
    names = [change.what for change in report.plan.changes]
    names += ["make it take effect"] * len(report.plan.activate)
    names.append(f"ask {report.plan.check} again")
    lines = [
        Text(f"  {_MARKS[item.state]} {clean(name)}  {clean(item.detail, 200)}".rstrip())
        for name, item in zip(names, report.items, strict=True)
    ]
    lines.append(Text.assemble(sign(status), f" {words}: {clean(report.outcome.detail)}"))
    return Group(*lines, *_next(report))


def _next(report: RunReport) -> list[Text]:
    if report.outcome.state == "undone":
        return []
    lines = [Text(f"take back: keepwell undo {report.id}", style="dim")]
    if report.outcome.state == "failed":
        lines.insert(0, Text(f"go on:     keepwell apply {report.id}", style="dim"))
    return lines
