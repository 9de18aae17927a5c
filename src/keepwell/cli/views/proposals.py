"""`keepwell proposals` on a screen: what is asked for, what it would do, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.proposing.report import ProposalReport, ProposalsReport
from keepwell.cli.words import clean, span
from keepwell.core.proposal import Proposal

#: Commands are copied from here: no line is broken.
AS_IT_IS = True
#: Style and sign of each stage; the word stands beside it.
_STAGES = {
    "waiting": ("yellow", "?"),
    "approved": ("cyan", "…"),
    "running": ("cyan", "…"),
    "done": ("green", "✓"),
    "failed": ("bold red", "✗"),
    "interrupted": ("bold red", "✗"),
    "refused": ("dim", "-"),
    "expired": ("dim", "-"),
}


def render(report: ProposalReport | ProposalsReport) -> RenderableType:
    """One whole, or the list."""
    if isinstance(report, ProposalReport):
        return Group(*_whole(report.proposal), *(Text(f"  {clean(line)}", style="dim") for line in report.next))
    if report.asked_for:
        return Group(*(line for one in report.proposals for line in _whole(one)))
    if not report.proposals:
        return Text("Nothing was asked for. An assistant asks by: keepwell mcp --allow-change")
    parts: list[RenderableType] = []
    for one in report.proposals:
        parts.append(_head(one))
        if one.stage == "waiting":
            parts += [*_shown(one), *_how_to_decide(one)]
    return Group(*parts)


def _whole(one: Proposal) -> Iterator[RenderableType]:
    yield _head(one)
    yield from _shown(one)
    if one.said:
        yield _line(clean(one.said))
    if one.stage == "waiting":
        yield from _how_to_decide(one)


def _head(one: Proposal) -> Text:
    style, mark = _STAGES[one.stage]
    age = span(max(time.time() - one.asked_at, 0.0))
    return Text.assemble(
        (f"{mark} {one.id}", style),
        (f"  {one.stage:11}", style),
        (clean(one.command, 4000), "bold"),
        (f"  {age} ago", "dim"),
    )


def _shown(one: Proposal) -> Iterator[RenderableType]:
    for line in one.shows:
        yield _line(clean(line))
    asker = clean(one.asked_by) or "somebody"
    yield _line(f"asked for by {asker}", "dim")
    if one.why:
        yield _line(f"│ {clean(one.why, 600)}", "dim")


def _how_to_decide(one: Proposal) -> Iterator[RenderableType]:
    yield _line(f"carry out: keepwell proposals approve {one.id}   (mark {one.mark})", "green")
    yield _line(f"say no:    keepwell proposals refuse {one.id}", "green")


def _line(text: str, style: str = "") -> Text:
    return Text(f"    {text}", style=style)
