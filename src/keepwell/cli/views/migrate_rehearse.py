"""`keepwell migrate rehearse` on a screen: the verdict with its evidence, both sides beside each other, and texts that
differ.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.rehearsing.comparing import Compared, Side, Spread
from keepwell.app.rehearsing.report import RehearsalReport
from keepwell.app.rehearsing.verdict import Rule, Said
from keepwell.app.switching.objectives import render_seconds
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Status

_SIGNS: dict[Said, Status] = {
    "go": Status.OK,
    "no-go": Status.CRITICAL,
    "note": Status.WARNING,
    "undecided": Status.UNKNOWN,
}
_WORDS: dict[Said, str] = {"go": "go", "note": "go", "no-go": "no-go", "undecided": "too little to tell by"}
#: Pairs of texts that are shown; `--json` has all.
SHOWN = 5


def render(report: RehearsalReport) -> RenderableType:
    """The rules, the figures, what differs, what else is to know, the verdict."""
    lines: list[RenderableType] = [Text(f"{clean(report.source)}, through {clean(report.by)}", style="dim")]
    lines += [_sides(report), Text("")]
    lines += [_rule(one) for one in report.rules]
    lines += _errors(report.second)
    lines += _texts(report)
    lines += [Text(f"  {clean(one)}", style="dim") for one in report.notes]
    if report.partial:
        lines.append(Text("broken off: this tells of what was played until then", style="yellow"))
    lines.append(Text.assemble(sign(_SIGNS[report.said]), (f" {_WORDS[report.said]}", "bold")))
    if report.said == "go":
        words = f"keepwell migrate switch {clean(report.first.route)} --to {clean(report.second.route)}"
        lines.append(Text(f"  by steps: {words}", style="dim"))
    return Group(*lines)


def _sides(report: RehearsalReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("", clean(report.first.route), clean(report.second.route)):
        table.add_column(name)
    both = (report.first, report.second)
    table.add_row("answered by", *(clean(", ".join(one.replicas) or "-") for one in both))
    table.add_row("requests, failed", *(f"{one.requests}, {one.failed}" for one in both))
    table.add_row("first text p50, p95", *(_spread(one.first) for one in both))
    table.add_row("each token p50, p95", *(_spread(one.token) for one in both))
    table.add_row("whole answer p50, p95", *(_spread(one.total) for one in both))
    table.add_row("tokens in, out", *(f"{one.input_tokens}, {one.output_tokens}" for one in both))
    table.add_row("translated", *(clean("; ".join(one.translated) or "no") for one in both))
    return table


def _spread(one: Spread) -> str:
    if not one.count:
        return "-"
    return f"{render_seconds(one.p50_seconds)}, {render_seconds(one.p95_seconds)}"


def _rule(one: Rule) -> Text:
    allowed = (f"  (allowed: {clean(one.allowed)})", "dim")
    return Text.assemble(sign(_SIGNS[one.said]), f" {clean(one.name)}: {clean(one.found)}", allowed)


def _errors(side: Side) -> Iterator[Text]:
    for kind, said in side.said.items():
        yield Text(f"  {clean(kind)}: {clean(said)}", style="yellow")


def _texts(report: RehearsalReport) -> Iterator[Text]:
    """Where answers part, those that part first at the top."""
    differing = sorted((one for one in report.texts if one.likeness in ("different", "same beginning")), key=_common)
    for one in differing[:SHOWN]:
        yield Text(f"  {clean(one.name)}: alike for {one.common} characters, then")
        yield Text(f"    {clean(report.first.route)}: {clean(one.first)}", style="dim")
        yield Text(f"    {clean(report.second.route)}: {clean(one.second)}", style="dim")


def _common(one: Compared) -> int:
    return one.common
