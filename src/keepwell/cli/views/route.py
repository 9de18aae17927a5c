"""`keepwell route` on a screen: which route a name means, the candidates, who is out and why, who is chosen."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.serving.explaining import RouteReport
from keepwell.cli.words import clean
from keepwell.gateway.choice.explain import CandidateLine, Explanation


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
        return "out: " * (not line.why.startswith("out ")) + line.why
    words = [f"as {line.model}", "in memory" * line.resident, f"{line.outstanding} at work"]
    words.append(f"of {line.limit}" * bool(line.limit))
    said = ", ".join(one for one in words[:2] if one) + ", " + " ".join(one for one in words[2:] if one)
    return ", ".join((said, *_say_more(line)))


def _say_more(line: CandidateLine) -> Iterator[str]:
    """What it is translated into, where the model lies, what it takes and cannot, how well it is known who answers."""
    if line.into:
        yield f"translated into {' or '.join(line.into)}"
    if line.device:
        yield line.device
    if line.planned_bytes and line.reported_bytes:
        yield f"takes {_size(line.reported_bytes)} of {_size(line.planned_bytes)} planned"
    elif line.planned_bytes:
        yield f"would take {_size(line.planned_bytes)}"
    if line.context_tokens:
        yield f"{line.context_tokens} tokens of context"
    if line.cannot:
        yield f"no {' or '.join(line.cannot)}"
    if line.proof:
        yield f"answers {line.proof}"


def _size(number: int) -> str:
    if number >= 1 << 30:
        return f"{number / (1 << 30):.1f} GiB"
    return f"{number / (1 << 20):.0f} MiB"
