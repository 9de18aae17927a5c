"""`keepwell route` on a screen: which route a name means, the candidates, who is out and why, who is chosen."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.explaining import RouteReport
from keepwell.cli.words import clean
from keepwell.gateway.explain import CandidateLine, Explanation


def render(report: RouteReport) -> RenderableType:
    """A block for the route and one for each that would be tried after it."""
    lines: list[RenderableType] = []
    for one in (report, *report.fallbacks):
        lines += _route(one)
    return Group(*lines)


def _route(one: Explanation) -> Iterator[RenderableType]:
    yield Text.assemble((clean(one.model), "bold"), f" → route {clean(one.route)} ", (f"({clean(one.how)})", "dim"))
    waiting = f", {one.waiting} wait" * bool(one.waiting)
    yield Text(f"  chosen by: {clean(', then '.join(one.policy))}{waiting}", style="dim")
    for rows, dialects in _alike(one).items():
        yield Text(f"  {clean(', '.join(dialects))}", style="dim")
        for line in rows:
            sign = {True: "→ ", False: "  "}[line.chosen]
            yield Text.assemble("    ", (sign, "green"), clean(line.replica), (f"  {clean(_say(line))}", "dim"))
        if not rows:
            yield Text("      nobody has it", style="dim")


def _alike(one: Explanation) -> dict[tuple[CandidateLine, ...], list[str]]:
    """Wire formats whose candidates are the same, together."""
    found: dict[tuple[CandidateLine, ...], list[str]] = {}
    for dialect, rows in one.candidates.items():
        found.setdefault(rows, []).append(dialect)
    return found


def _say(line: CandidateLine) -> str:
    if line.why:
        return f"out: {line.why}"
    words = [f"as {line.model}", "in memory" * line.resident, f"{line.outstanding} at work"]
    words.append(f"of {line.limit}" * bool(line.limit))
    return ", ".join(one for one in words[:2] if one) + ", " + " ".join(one for one in words[2:] if one)
