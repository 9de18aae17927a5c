"""`keepwell engine ...` on a screen: how it is, what was done, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.running.report import EngineReport
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Status

#: Models that are named; the JSON form has all.
SHOWN = 8
_SIGNS = {"well": Status.OK, "loading": Status.WARNING, "asleep": Status.WARNING}


def render(report: EngineReport) -> RenderableType:
    """A line about it, one for what it has, one for each finding, and what came of what was asked."""
    status = _SIGNS.get(report.state, Status.CRITICAL)
    release = f" {clean(report.version)}" * bool(report.version)
    head = Text.assemble(
        sign(status), (f" {clean(report.title)}{release}", "bold"), f"  {clean(report.url)}  {report.state}"
    )
    lines: list[RenderableType] = [head, *_about(report)]
    lines += [Text.assemble("  ", sign(one.status), f" {clean(one.message)}  ({one.check})") for one in report.findings]
    if report.done:
        lines.append(Text(clean(report.done, 2000), style={True: "bold red", False: "green"}[report.failed]))
    if report.run:
        lines.append(Text(f"take back: keepwell undo {report.run}", style="dim"))
    return Group(*lines)


def _about(report: EngineReport) -> Iterator[Text]:
    words = [clean(word) for word in (report.supervisor, report.unit) if word]
    words += [f"pid {report.pid}"] * bool(report.pid)
    yield Text(f"  {' '.join(words)}", style="dim")
    if report.models:
        named = ", ".join(clean(one) for one in report.models[:SHOWN])
        more = f" and {len(report.models) - SHOWN} more" * (len(report.models) > SHOWN)
        yield Text(f"  offers {named}{more}")
    if report.loaded:
        yield Text(f"  in memory: {', '.join(clean(one) for one in report.loaded)}")
