"""`keepwell ready` and `keepwell audit` on a screen: what is not well with its advice, then what is, in a line each."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.inspecting import InspectionReport
from keepwell.cli.views.word import render_decisions
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Finding, Status
from keepwell.plugins.advice import TOLD

#: Characters of one line of advice: a command may be long, and is no use when it is cut.
LINE_CHARACTERS = 1000
#: What each purpose says when nothing is wrong, and when something is.
_WELL = {"ready": "Ready", "audit": "Nothing open to others was found"}
_BAD = {"ready": "Not ready", "audit": "Open to others"}


def render(report: InspectionReport) -> RenderableType:
    """Every finding, the worst first, and how it came out."""
    parts: list[RenderableType] = [_heading(report), Text()]
    for one in report.findings:
        if one.status is not Status.OK:
            parts += [_line(one), *_advice(one), Text()]
    well = [one for one in report.findings if one.status is Status.OK]
    parts += [_line(one) for one in well]
    parts += [Text()] * bool(well)
    parts += render_decisions(report.decisions)
    return Group(*parts, _summary(report))


def _heading(report: InspectionReport) -> Text:
    words = [clean(report.node.name)]
    if report.wanted:
        words.append(f"for {clean(report.wanted)}")
    words += [clean(one) for one in report.engines]
    return Text(" · ".join(words), style="bold")


def _line(one: Finding) -> Text:
    return Text.assemble(sign(one.status), f" {clean(one.message, LINE_CHARACTERS)}", (f"  {one.check}", "dim"))


def _advice(one: Finding) -> Iterator[Text]:
    for name in TOLD:
        text = clean(one.facts.get(name, ""), LINE_CHARACTERS)
        if text and name == "command":
            yield Text.assemble(("    see    ", "dim"), (f"$ {text}", "cyan"))
        elif text:
            yield Text.assemble((f"    {name:<5}  ", "dim"), text)


def _summary(report: InspectionReport) -> Text:
    counts = {status: sum(one.status is status for one in report.findings) for status in Status}
    bad = counts[Status.CRITICAL] + counts[Status.WARNING]
    words = {True: _BAD, False: _WELL}[bad > 0][report.purpose]
    told = [
        f"{number} {name}"
        for name, number in (
            ("critical", counts[Status.CRITICAL]),
            ("to be mended", counts[Status.WARNING]),
            ("not known", counts[Status.UNKNOWN]),
            ("well", counts[Status.OK]),
        )
        if number
    ]
    counted = ", ".join(told) or "there is nothing here to judge"
    return Text.assemble((f"{words}: ", "bold"), counted, (f" · {report.seconds:.1f} s", "dim"))
