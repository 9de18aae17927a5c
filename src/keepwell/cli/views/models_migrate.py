"""`keepwell models migrate` on a screen: what was copied, how long nothing was asked, and what can be done now."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.stores.migrate_report import MigrateReport, MoveState
from keepwell.cli.words import clean, sign, size
from keepwell.core.finding import Status

_SIGNS: dict[MoveState, Status] = {"moved": Status.OK, "held": Status.WARNING, "failed": Status.CRITICAL}
_WORDS: dict[MoveState, str] = {"moved": "moved", "held": "not moved yet", "failed": "switched, and not well"}
#: Files that are named one by one.
SHOWN = 10


def render(report: MigrateReport) -> RenderableType:
    """The end first, then figures, then the next commands."""
    head = f" {_WORDS[report.state]}: {clean(report.source)} to {clean(report.target)}  {clean(report.detail, 2000)}"
    return Group(Text.assemble(sign(_SIGNS[report.state]), head), *_figures(report), *_next(report))


def _figures(report: MigrateReport) -> Iterator[Text]:
    if report.files:
        speed = size(report.bytes_copied / max(report.copy_seconds, 0.001))
        words = f"  copied {report.files} files, {size(report.bytes_copied)}, in {report.copy_seconds:.1f} s: {speed}/s"
        yield Text(words, style="dim")
    if report.away_seconds >= 0:
        yield Text(
            f"  the engine was away for {report.away_seconds:.1f} s: no requests of a gateway, the switch, a try",
            style="dim",
        )
    if report.caught_up:
        yield Text(f"  {report.caught_up} files came into the old folder at its last moment, and were brought after")
    for path in report.corrupt[:SHOWN]:
        yield Text(
            f"  {clean(path)} was corrupt already, and was moved as it is: keepwell models clean", style="yellow"
        )
    for path in report.passed_over[:SHOWN]:
        yield Text(f"  {clean(path)} is no file, and was passed over", style="yellow")


def _next(report: MigrateReport) -> Iterator[Text]:
    if report.state == "held":
        yield Text("go on:     the same command", style="dim")
    yield Text(f"take back: keepwell undo {report.run}", style="dim")
    if report.state == "moved":
        yield Text(f"the old folder stays, whole: {clean(report.old)}", style="dim")
