"""`keepwell smoke` and `keepwell guard` on a screen: a line a question, what was done to memory, the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.smoke.report import NightlyReport, SmokeReport
from keepwell.cli.views.word import render_decisions
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Finding, Status

_WORDS = {Status.OK: "well", Status.UNKNOWN: "not known", Status.WARNING: "to look at", Status.CRITICAL: "bad"}


def render(report: SmokeReport | NightlyReport) -> RenderableType:
    """Every engine with its questions, worst first; then what is about none of them."""
    if isinstance(report, NightlyReport):
        return Group(*(Text(clean(one, 1000)) for one in report.steps))
    if not report.engines:
        return Group(Text("No engine serves here that could be asked."), Text("keepwell status", style="green"))
    lines: list[RenderableType] = []
    rest = list(report.findings)
    for engine in report.engines:
        lines.append(Text(clean(engine), style="bold"))
        lines += [_line(one, engine) for one in rest if one.message.startswith(engine)]
        rest = [one for one in rest if not one.message.startswith(engine)]
    lines += [_line(one, "") for one in rest]
    lines += render_decisions(report.decisions)
    lines += [Text(clean(one), style="dim") for one in report.does]
    return Group(*lines, *_end(report))


def _line(one: Finding, engine: str) -> Text:
    words = one.message.removeprefix(engine).lstrip()
    name = one.facts.get("case") or one.check
    return Text.assemble("  ", sign(one.status), f" {clean(words, 1000)}", (f"  {clean(name)}", "dim"))


def _end(report: SmokeReport) -> Iterator[Text]:
    counts = Counter(one.status for one in report.findings)
    words = ", ".join(f"{counts[status]} {_WORDS[status]}" for status in sorted(counts, reverse=True))
    kept = f" · kept as {report.kept}" * bool(report.kept)
    yield Text(f"{len(report.findings)} questions in {report.seconds:.1f} s: {words}{kept}")
    if report.problem:
        yield Text(clean(report.problem), style="yellow")
