"""One cause on the screen: how sure, why, what speaks against it, what to do; and its rivals in a line each."""

from __future__ import annotations

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from keepwell.cli.words import clean, command_line, share
from keepwell.core.hypothesis import AdvisedFix, Contribution, Diagnosis, Hypothesis

#: Reasons shown for one cause: the strongest say enough, `--json` has all.
REASONS_SHOWN = 4
#: Rivals less likely than this are not worth a line.
RIVAL_FLOOR = 0.03
#: Causes named where none is known.
RIVALS_SHOWN = 5
#: What stands beside a cause that only closed incidents know.
DRAFT = "  (draft, not yet confirmed)"
_INDENT = (0, 0, 0, 4)


def render_cause(cause: Hypothesis, number: int) -> list[RenderableType]:
    """Title with confidence, the evidence quoted, the fix as commands."""
    about = ""
    if cause.subject is not None:
        about = f"  {cause.subject}"
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{number}. {cause.title}", "bold"),
            (f"  {share(cause.confidence)}", "bold magenta"),
            (f"{about}{DRAFT * cause.draft}", "dim"),
        ),
    ]
    if cause.basis:
        lines.append(_line("sure", cause.basis, "dim"))
    strongest = sorted(cause.supporting, key=_strength)[:REASONS_SHOWN]
    for one in strongest:
        lines += _reason(one, "why ")
    for one in cause.contradicting[:REASONS_SHOWN]:
        lines += _reason(one, "but ")
    if cause.fix is not None:
        lines += render_fix(cause.fix)
    if cause.repair:
        lines.append(_line("repair", f"keepwell plan {cause.issue}   (shows every change before anything is done)"))
    lines.append(_line("more", f"keepwell explain {cause.issue}", "dim"))
    return lines


def render_fix(fix: AdvisedFix) -> list[RenderableType]:
    """What to do in words, the exact commands, side effects and the way back."""
    lines: list[RenderableType] = [_line("fix", fix.say)]
    for one in fix.commands:
        prefix = "sudo " * one.root
        tail = " &" * one.background
        lines.append(
            Padding(Text(f"       $ {prefix}{command_line(one.argv)}{tail}", style="cyan"), _INDENT, expand=False)
        )
    if fix.missing:
        lines.append(_line("fill in", ", ".join(f"<{name}>" for name in fix.missing)))
    if fix.side_effects:
        lines.append(_line("effect", fix.side_effects, "dim"))
    if fix.undo:
        lines.append(_line("undo", fix.undo, "dim"))
    return lines


def render_rivals(rivals: tuple[Hypothesis, ...], unknown: float) -> list[RenderableType]:
    """The causes that might be meant instead, one line each."""
    near = [one for one in rivals if one.confidence >= RIVAL_FLOOR]
    if not near:
        return []
    lines: list[RenderableType] = [Text("Or, less likely:", style="bold")]
    lines += [
        Text.assemble(f"    {share(one.confidence):>5}  ", one.title, (f"  {one.issue}{DRAFT * one.draft}", "dim"))
        for one in near
    ]
    lines.append(Text(f"    {share(unknown):>5}  something that is not in the catalogue", style="dim"))
    return [*lines, Text()]


def render_doubt(diagnosis: Diagnosis) -> list[RenderableType]:
    """That the cause is not known, and what it might be; the check that would tell comes below it."""
    if not diagnosis.not_known:
        return []
    near = [one for one in diagnosis.hypotheses[:RIVALS_SHOWN] if one.confidence >= RIVAL_FLOOR]
    lines: list[RenderableType] = [Text(diagnosis.not_known, style="bold")]
    if near:
        lines.append(Text("It might be:"))
    lines += [
        Text.assemble(f"    {share(one.confidence):>5}  ", one.title, (f"  {one.issue}{DRAFT * one.draft}", "dim"))
        for one in near
    ]
    return [*lines, Text()]


def _strength(one: Contribution) -> tuple[bool, float]:
    """What rests on a line or a finding first: it can be looked up."""
    return not one.quote, -abs(one.weight)


def _reason(one: Contribution, label: str) -> list[RenderableType]:
    lines: list[RenderableType] = [_line(label.strip(), one.evidence.say)]
    if one.quote:
        quote = Text.assemble(("       │ ", "dim"), clean(one.quote), (f"  {clean(one.source)}", "dim"))
        lines.append(Padding(quote, _INDENT, expand=False))
    return lines


def _line(label: str, text: str, style: str = "") -> Padding:
    return Padding(Text.assemble((f"{label:<6} ", "green"), (clean(text, 2000), style)), _INDENT, expand=False)
