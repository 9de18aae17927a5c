"""`keepwell migrate switch` on a screen: each step with what was judged, how it ended, and what can be done now."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.switching.plan import render_share
from keepwell.app.switching.report import State, StepLine, SwitchReport
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Status

_SIGNS: dict[State, Status] = {"moved": Status.OK, "held": Status.WARNING, "back": Status.CRITICAL}
_VERDICTS = {"kept": Status.OK, "missed": Status.CRITICAL, "undecided": Status.UNKNOWN}
_WORDS: dict[State, str] = {"moved": "moved", "held": "stands on the way", "back": "went back"}


def render(report: SwitchReport) -> RenderableType:
    """The steps, the end, and how to go on or back."""
    lines: list[RenderableType] = []
    for one in report.steps:
        lines += _step(one)
    told = f" {_WORDS[report.state]}: {clean(report.detail, 2000)}"
    lines.append(Text.assemble(sign(_SIGNS[report.state]), told))
    lines.append(Text(f"  {render_share(report.share)} of the requests for {clean(report.route)} are moved now"))
    return Group(*lines, *_next(report))


def _step(one: StepLine) -> Iterator[Text]:
    back = f", {one.came_back} came back" * bool(one.came_back)
    yield Text(f"{render_share(one.share)}: {one.requests} requests in {one.seconds:.0f} s{back}", style="bold")
    if one.share == 1 and one.stayed:
        yield Text(f"  {one.stayed} requests stayed: the new engines cannot do what they ask for", style="yellow")
    for objective in one.objectives:
        yield Text.assemble("  ", sign(_VERDICTS[objective.verdict]), f" {clean(objective.said)}")


def _next(report: SwitchReport) -> Iterator[Text]:
    if report.state == "back":
        return
    if report.state == "held":
        yield Text(f"go on:     keepwell migrate switch {clean(report.route)} --to {clean(report.to)}", style="dim")
    yield Text(f"take back: keepwell undo {report.run}", style="dim")
    if report.keep:
        yield Text("to stay:   write this into keepwell.toml, then take the run back:", style="dim")
        for line in report.keep.split("\n"):
            yield Text(f"           {clean(line, 2000)}", style="dim")
