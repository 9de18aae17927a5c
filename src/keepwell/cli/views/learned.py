"""`keepwell learned` on a screen: lessons, what they moved together, drafts."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.lessons.learned_report import LearnedReport, LessonRow
from keepwell.core.words import clean
from keepwell.learning.weights import Move

#: Lessons and weights shown; `--json` has all.
ROWS = 20
#: Weights shown for one lesson.
MOVES = 3


def render(report: LearnedReport) -> RenderableType:
    """What was learned, or what would teach something."""
    lines: list[RenderableType] = []
    if report.did:
        lines += [Text(clean(report.did, 2000), style="bold"), Text()]
    for one in report.lessons[:ROWS]:
        lines += _lesson(one)
    if not report.lessons:
        lines.append(Text("Nothing was learned yet. keepwell incident open, then close, teaches."))
    if len(report.lessons) > ROWS:
        lines.append(Text(f"and {len(report.lessons) - ROWS} more (--json lists all)", style="dim"))
    if report.moves:
        lines += [Text(), Text("Weights of evidence, all lessons together:", style="bold")]
        lines += [_move(one, with_counts=True) for one in report.moves[:ROWS]]
    if report.priors:
        lines += [Text(), Text("More frequent here than elsewhere:", style="bold")]
        lines += [
            Text(f"  {one.issue}  {one.after:.1%} of incidents instead of {one.before:.1%}") for one in report.priors
        ]
    if report.drafts:
        lines += [Text(), Text("Causes that only incidents here know:", style="bold")]
    for draft in report.drafts:
        state = {True: "counts", False: f"draft, {draft.confirmations:g} of 2 confirmations"}[draft.counts]
        lines.append(Text.assemble((f"  {draft.cause}", "bold"), f"  {clean(draft.title)}", (f"  {state}", "dim")))
        lines.append(Text(f"    {clean(draft.file)}", style="dim"))
    lines += [Text(f"! {clean(one, 2000)}", style="yellow") for one in report.problems]
    return Group(*lines)


def _lesson(one: LessonRow) -> list[RenderableType]:
    day = time.strftime("%Y-%m-%d", time.localtime(one.at))
    state = f"{one.strength}, counts {one.worth:.2f}"
    if one.undone_at:
        state = f"taken back {time.strftime('%Y-%m-%d', time.localtime(one.undone_at))}"
    whence = {True: "", False: f", from {one.origin}"}[one.origin == "own"]
    lines: list[RenderableType] = [
        Text.assemble((one.id, "bold"), f"  {day}  {one.cause}", (f"  {state}{whence}", "dim")),
    ]
    if one.fixed_by:
        lines.append(Text(f"    fixed by {clean(one.fixed_by)}"))
    return [*lines, *(_move(move) for move in one.moves[:MOVES])]


def _move(move: Move, *, with_counts: bool = False) -> Text:
    counts = ""
    if with_counts:
        counts = f"  ({move.counts.hits:.1f} right, {move.counts.misses:.1f} wrong)"
    text = f"    {move.issue}: {clean(move.say)}  {move.before:+.2f} → {move.after:+.2f}"
    return Text.assemble(text, (counts, "dim"))
