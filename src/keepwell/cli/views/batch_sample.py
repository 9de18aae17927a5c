"""A sample of a batch on a screen: each question and answer, and what the whole would take."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.batching.report import BatchSampleReport, Expected
from keepwell.app.batching.telling import WORDS, render_time
from keepwell.cli.words import clean
from keepwell.core.observation import Missing

#: Characters of a question and of an answer.
SHOWN = 300


def render_sample(report: BatchSampleReport) -> RenderableType:
    """Rows, then the estimate with what it rests on."""
    lines: list[Text] = []
    for row in report.rows:
        lines.append(Text(f"{clean(row.custom_id)}  {row.seconds:.2f} s, {row.output_tokens} tokens", style="bold"))
        lines.append(Text(f"  asked   {clean(row.asked, SHOWN)}", style="dim"))
        word = WORDS.get(row.trouble, row.trouble) or "answer"
        lines.append(Text(f"  {word}  {clean(row.answer, SHOWN)}"))
    lines.append(Text(f"{report.answered} of {len(report.rows)} were answered by {clean(report.target)}"))
    if report.why:
        lines.append(Text(f"  {clean(report.why)}"))
    seconds = report.seconds
    if isinstance(seconds, Missing):
        lines.append(Text(f"what all {report.total} would take is not known: {seconds.reason}"))
        return Group(*lines)
    took = f"{render_time(seconds.middle)} ({render_time(seconds.low)} to {render_time(seconds.high)})"
    lines.append(Text(f"all {report.total} would take about {took}, {report.together:.3g} at a time as here,"))
    read, made = _count(report.input_tokens), _count(report.output_tokens)
    lines.append(Text(f"reading {read} and making {made} tokens, if the rest is like these (19 of 20 samples)"))
    return Group(*lines)


def _count(found: Expected | Missing) -> str:
    if isinstance(found, Missing):
        return "an unknown number of"
    return f"{found.middle:.0f} ({found.low:.0f} to {found.high:.0f})"
