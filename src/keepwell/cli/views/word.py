"""The owner's decisions beside an answer: what they answer, which have ended, which answer nothing; and changes."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from keepwell.cli.words import clean, span
from keepwell.core.event import Event
from keepwell.core.hypothesis import Hypothesis
from keepwell.fleet.decisions import Decisions, cite


def render_decisions(decisions: Decisions, causes: Iterable[Hypothesis] = ()) -> list[RenderableType]:
    """Decided findings and causes with the citation, one block; then expired and unused decisions, a line each."""
    lines: list[RenderableType] = []
    told = [(one.finding.message, cite(one.decision), one.finding.check) for one in decisions.decided]
    told += [(one.title, one.decided, one.issue) for one in causes if one.decided]
    for citation in dict.fromkeys(one[1] for one in told):
        lines.append(Text.assemble(("= ", "green"), (clean(f"{citation[:1].upper()}{citation[1:]}"), "bold")))
        lines += [
            Text.assemble(f"    {clean(message)}", (f"  {name}", "dim")) for message, by, name in told if by == citation
        ]
    for entry in decisions.expired:
        ended = Text.assemble(("! ", "yellow"), f"A decision ended on {clean(entry.until)} and no longer counts: ")
        lines.append(ended.append(clean(entry.what)))
    for unused in decisions.unused:
        near = f"; did you mean {unused.nearest}?" * bool(unused.nearest)
        words = f"A decision answers nothing ({unused.decision.what}): {unused.why}{near}"
        lines.append(Text(clean(words), style="dim"))
    if lines:
        lines.append(Text())
    return lines


def render_changes(changes: Iterable[Event], until: float, *, first_error: bool) -> list[RenderableType]:
    """What changed shortly before, a line each, newest first; `until` is the first error, or now."""
    after = {True: "before the first error", False: "ago"}[first_error]
    lines: list[RenderableType] = []
    for one in changes:
        sides = f": {one.was} -> {one.now}" * bool(one.was and one.was not in one.what)
        lines.append(Text.assemble(f"  {span(until - one.at)} {after}  ", clean(f"{one.what}{sides}")))
    if not lines:
        return []
    return [
        Text("Changed shortly before:", style="bold"),
        *lines,
        Text("  more: keepwell timeline", style="dim"),
        Text(),
    ]
