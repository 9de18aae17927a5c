"""`keepwell jobs` on a screen: what was done, the jobs, a log."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.jobs.report import JobLine, JobLogReport, JobsReport
from keepwell.core.observation import Missing
from keepwell.core.words import clean, command_line, size, span

#: A log is shown as it is, not folded.
AS_IT_IS = True
#: Characters of a command in the list.
COMMAND_CHARACTERS = 60
#: How each state is shown.
_STYLES = {"running": "green", "done": "green", "failed": "bold red", "lost": "bold red"}
_STYLES |= {"alone": "yellow", "queued": "yellow"}


def render(report: JobsReport | JobLogReport) -> RenderableType:
    """What was done, then a line for each job; or the lines of a log."""
    if isinstance(report, JobLogReport):
        return _log(report)
    parts: list[RenderableType] = []
    if report.done:
        parts.append(Text.assemble(_mark(report.bad), clean(report.done)))
    if not report.jobs and not report.problems:
        parts.append(Text("No jobs. keepwell jobs run -- COMMAND... begins one."))
    if report.jobs:
        parts.append(_table(report.jobs))
    for one in report.jobs:
        parts += [Text(f"  {one.name}: {clean(line)}", style="yellow") for line in _notes(one, report.done)]
    parts += [Text(f"! {clean(one, 2000)}", style="yellow") for one in report.problems]
    if report.next:
        parts.append(Text.assemble(("  next  ", "green"), clean(report.next)))
    return Group(*parts)


def _mark(bad: bool) -> tuple[str, str]:
    return {True: ("✗ ", "bold red"), False: ("✓ ", "green")}[bad]


def _table(jobs: tuple[JobLine, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("job", "state", "since", "for", "runs", "memory (most)", "cpu", "command"):
        table.add_column(title, no_wrap=True)
    now = time.time()
    for one in jobs:
        table.add_row(
            Text(one.name, style="bold"),
            Text(_state(one), style=_STYLES.get(one.state, "")),
            _when(one.began_at),
            _lasted(one, now),
            str(one.run),
            _memory(one),
            _cpu(one),
            clean(command_line(one.argv), COMMAND_CHARACTERS),
        )
    return table


def _state(one: JobLine) -> str:
    if one.state == "failed" and one.exit_code:
        return f"failed ({one.exit_code})"
    return one.state


def _notes(one: JobLine, done: str) -> list[str]:
    """What a word cannot say."""
    lines = [one.why] * bool(one.why and one.why not in done)
    if one.state == "pausing" and one.next_at:
        lines.append(f"starts again at {time.strftime('%H:%M:%S', time.localtime(one.next_at))}")
    if one.state in ("alone", "lost"):
        lines.append(f"keepwell jobs resume {one.name}")
    if one.device and one.run:
        lines.append(f"{one.device}: {_device(one)}")
    if one.left:
        lines.append(f"left its session and is still there: {', '.join(one.left)}")
    return lines


def _when(at: float) -> str:
    if not at:
        return "–"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _lasted(one: JobLine, now: float) -> str:
    if not one.began_at:
        return "–"
    return span(max(0.0, (one.ended_at or now) - one.began_at))


def _memory(one: JobLine) -> str:
    if one.pid:
        return f"{size(one.memory_bytes)} ({size(one.peak_memory_bytes)})"
    if one.peak_memory_bytes:
        return f"({size(one.peak_memory_bytes)})"
    return "–"


def _device(one: JobLine) -> str:
    """What it had of its device, or why nobody knows."""
    if isinstance(one.device_peak_memory_bytes, Missing):
        return f"memory not known, {one.device_peak_memory_bytes.reason}"
    said = f"{size(one.device_peak_memory_bytes)} of memory at most"
    if not isinstance(one.device_busy_seconds, Missing):
        said += f", at work for {span(one.device_busy_seconds)}"
    return said


def _cpu(one: JobLine) -> str:
    if not one.cpu_seconds:
        return "–"
    return span(one.cpu_seconds)


def _log(report: JobLogReport) -> RenderableType:
    if not report.lines:
        return Text(f"{report.name} has said nothing yet.")
    parts: list[RenderableType] = []
    if report.left_out:
        parts.append(Text(f"earlier lines: --lines, or {clean(report.path, 2000)}", style="dim"))
    parts += [Text(clean(one, 4000)) for one in report.lines]
    return Group(*parts)
