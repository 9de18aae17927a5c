"""`keepwell compare` on a screen: what is worse first, the times side by side."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.smoke.comparing import STATES
from keepwell.app.smoke.report import Change, CompareReport
from keepwell.bench.verdict import Judged
from keepwell.cli.words import clean, figure

_SIGNS = {
    "worse": ("✗", "bold red"),
    "new": ("+", "cyan"),
    "gone": ("-", "cyan"),
    "other": ("~", "yellow"),
    "better": ("✓", "green"),
    "same": ("=", "dim"),
    "regressed": ("✗", "bold red"),
    "improved": ("✓", "green"),
    "no verdict": ("?", "cyan"),
}


def render(report: CompareReport) -> RenderableType:
    """Each question or measure, a line or two; the sum."""
    lines: list[RenderableType] = [
        Text(f"before  {clean(report.before)}  {_when(report.before_at)}  {report.before_seconds:.1f} s", style="bold"),
        Text(f"after   {clean(report.after)}  {_when(report.after_at)}  {report.after_seconds:.1f} s", style="bold"),
        *(Text(clean(one), style="yellow") for one in report.about),
    ]
    for one in report.changes:
        lines += _change(one)
    lines += [_measure(one) for one in report.measures]
    return Group(*lines, _sum(report))


def _change(one: Change) -> Iterator[Text]:
    mark, style = _SIGNS[one.state]
    name = one.case or one.check
    yield Text.assemble((mark, style), f" {one.state:<6} {clean(name)}  ", (clean(one.subject), "dim"), _times(one))
    if one.state == "same":
        return
    for word, message in (("before", one.before_message), ("after", one.after_message)):
        if message:
            yield Text(f"           {word:<6} {clean(message, 1000)}", style="dim")


def _times(one: Change) -> str:
    if one.before_seconds < 0 and one.after_seconds < 0:
        return ""
    return f"  {_seconds(one.before_seconds)} → {_seconds(one.after_seconds)}"


def _seconds(seconds: float) -> str:
    if seconds < 0:
        return "–"
    return f"{seconds:.2f} s"


def _measure(one: Judged) -> Text:
    mark, style = _SIGNS[one.word]
    words = f" {one.word:<10} {clean(one.measure)}"
    if one.why or math.isnan(one.ratio):
        return Text.assemble((mark, style), words, (f"  {clean(one.why)}", "dim"))
    told = f"  {figure(one.before)} → {figure(one.after)}"
    interval = f"  × {one.ratio:.3f} ({one.low:.3f} to {one.high:.3f})"
    return Text.assemble((mark, style), words, told, (interval, "dim"))


def _sum(report: CompareReport) -> Text:
    if report.verdict:
        return Text(f"verdict: {report.verdict}", style=_SIGNS[report.verdict][1])
    counts = Counter(one.state for one in report.changes)
    return Text(", ".join(f"{counts[state]} {state}" for state in STATES if counts[state]) or "nothing to compare")


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
