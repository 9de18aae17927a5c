"""`keepwell bundle` and `keepwell collect` on a screen."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.bundle_report import BundleDifference, BundleReport, MemberReport
from keepwell.cli.words import clean, share, size

#: Places of masked values, bad findings and members that are listed; `--json` has all of them.
_PLACES = 40
_FINDINGS = 20
_MEMBERS = 30
#: Characters of one line of a member that is shown.
_LINE = 4000


def render(report: BundleReport | MemberReport | BundleDifference) -> RenderableType:
    """The bundle and what is in it, one member, or a table of differences."""
    if isinstance(report, MemberReport):
        return Text("\n".join(clean(line, _LINE) for line in report.text.rstrip("\n").split("\n")))
    if isinstance(report, BundleDifference):
        return _difference(report)
    return Group(*_bundle(report))


def _bundle(report: BundleReport) -> Iterator[RenderableType]:
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.recorded_at))
    yield Text(f"{clean(report.node)}, recorded {at}, level {report.level}, by keepwell {clean(report.keepwell)}")
    yield Text()
    yield _members(report)
    yield Text()
    yield from _masked(report)
    bad = report.findings[:_FINDINGS]
    if bad:
        yield Text("\nNot well when it was recorded:", style="bold")
    for one in bad:
        yield Text.assemble(f"  {one.status}: {clean(one.message)}", (f"  {clean(one.check)}", "dim"))
    if report.causes:
        issue, confidence = report.causes[0]
        yield Text(f"Likeliest cause then: {clean(issue)} ({share(confidence)})")
    yield Text()
    yield from _next(report)


def _next(report: BundleReport) -> Iterator[RenderableType]:
    if report.dry_run:
        yield Text(f"Nothing was written (--dry-run); it would have {size(report.bytes)}.")
    elif report.made:
        yield Text(f"Written: {clean(report.path)} ({size(report.bytes)}, readable by you alone)", style="bold")
        yield Text(f"Read it before you send it: keepwell bundle show {clean(report.path)}")
        yield Text(f"What is wrong there, and why: keepwell diagnose {clean(report.path)}")
    else:
        yield Text(f"One member: keepwell bundle show {clean(report.path)} --file texts/...", style="dim")
        yield Text(f"What is wrong there, and why: keepwell diagnose {clean(report.path)}", style="dim")


def _members(report: BundleReport) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for one in report.members[:_MEMBERS]:
        table.add_row(Text(clean(one.name)), Text(size(one.bytes), justify="right"), Text(clean(one.what), style="dim"))
    if len(report.members) > _MEMBERS:
        table.add_row(Text(f"and {len(report.members) - _MEMBERS} more"), Text(), Text())
    return table


def _masked(report: BundleReport) -> Iterator[RenderableType]:
    if not report.masked:
        yield Text("Nothing had to be masked.")
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(report.masked.items()))
    yield Text(f"Masked: {clean(counts, 2000)}", style="bold")
    if not report.names_masked:
        yield Text("Host names are not masked (--names masks them).", style="dim")
    for one in report.places[:_PLACES]:
        yield Text(f"  {one.count} × {clean(one.kind)} in {clean(one.place)}", style="dim")
    if len(report.places) > _PLACES:
        yield Text(f"  and in {len(report.places) - _PLACES} more places (--json lists all)", style="dim")


def _difference(report: BundleDifference) -> RenderableType:
    if not report.rows:
        return Text("No difference in files, settings, versions and findings.")
    table = Table(box=None, pad_edge=False)
    for title in ("", "what", clean(report.before), clean(report.after)):
        table.add_column(title, overflow="fold")
    for one in report.rows:
        table.add_row(*(Text(clean(word) or "–") for word in (one.kind, one.what, one.before, one.after)))
    if report.left_out:
        table.add_row(Text(f"and {report.left_out} more"), Text(), Text(), Text())
    return table
