"""`keepwell migrate audit` on a screen: a table for each file, the counts, and what to do next; or the patch alone."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from keepwell.app.migrating.audit_report import AuditedFile, AuditedLine, AuditReport, Passed
from keepwell.cli.words import clean, command_line, size
from keepwell.plugins.uses import Verdict

#: A diff is taken by git as it is: no line of it is broken.
AS_IT_IS = True
#: Lines that are shown; --json has all.
SHOWN = 400
#: Characters of a line of a file.
LINE_CHARACTERS = 300
_SIGNS: dict[Verdict, tuple[str, str]] = {
    "unchanged": ("✓", "green"),
    "line": ("→", "yellow"),
    "none": ("✗", "bold red"),
}


def render(report: AuditReport) -> RenderableType:
    """The patch if it was asked for; else files, counts and the next step."""
    if report.patch_only:
        return Segments([Segment(report.patch)])
    if not report.files:
        return Group(Text("No direct use of an engine was found."), *_end(report))
    parts: list[RenderableType] = []
    left = SHOWN
    for file in report.files:
        if left <= 0:
            break
        parts += [Text(clean(file.path, 500), style="bold"), _table(file, left)]
        left -= len(file.lines)
    if left < 0:
        parts.append(Text("… more lines; --json has all", style="dim"))
    return Group(*parts, Text(""), *_counts(report), *_end(report))


def _table(file: AuditedFile, left: int) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(overflow="fold")
    for one in file.lines[:left]:
        sign, style = _SIGNS[one.verdict]
        table.add_row(str(one.line), Text(sign, style=style), _words(one))
    return table


def _words(one: AuditedLine) -> Text:
    """The line as it is, the line as it has to be, and what has to be said."""
    text = Text(clean(one.old, LINE_CHARACTERS))
    if one.new:
        text.append("\n" + clean(one.new, LINE_CHARACTERS), style="green")
        text.append(f"   ({one.why_not}: change it by hand)" * bool(one.why_not), style="yellow")
    for use in one.uses:
        if use.new:
            where = {"environment": "in the program's environment", "keepwell.toml": "at a [[route]] of keepwell.toml"}
            text.append(f"\n{clean(use.new)}", style="green")
            text.append(f"   {where.get(use.place, '')}: {clean(use.say)}", style="dim")
        elif use.verdict == "none" or (use.say and not one.new):
            text.append(f"\n{clean(use.what, 100)}: {clean(use.say)}", style="dim")
    return text


def _counts(report: AuditReport) -> list[Text]:
    files = len(report.files)
    many = report.unchanged + report.line + report.none
    rows = [
        Text(f"{many} uses in {files} files, for the gateway at {report.gateway}:"),
        Text.assemble(("  ✓ ", "green"), f"{report.unchanged} work unchanged"),
        Text.assemble(
            ("  → ", "yellow"), f"{report.line} need one line: {report.lines_here} lines here", _rest(report)
        ),
        Text.assemble(("  ✗ ", "bold red"), f"{report.none} have no equivalent"),
    ]
    if report.models:
        names = ", ".join(f"{clean(one.name, 60)} ({one.places})" for one in report.models[:12])
        rows.append(Text(f"  models: {names}"))
    return rows


def _rest(report: AuditReport) -> str:
    others = [use for file in report.files for line in file.lines for use in line.uses if use.new]
    return f", {len(others)} in an environment or keepwell.toml" * bool(others)


def _end(report: AuditReport) -> list[Text]:
    told = [f"{report.read} files read ({size(report.read_bytes)}) in {report.seconds:.1f} s"]
    told += [_list("passed over", report.passed), _list("folders", report.folders)]
    rows = [Text("; ".join(one for one in told if one), style="dim")]
    rows += [Text(f"  not read: {clean(path)}: {clean(why)}", style="yellow") for path, why in report.unreadable[:5]]
    if not report.complete:
        rows.append(Text("Not all was read: there are more files than one look takes. Name a folder of it.", "yellow"))
    return rows + _next(report)


def _next(report: AuditReport) -> list[Text]:
    rows = []
    if report.elsewhere:
        rows.append(
            f"{report.elsewhere} of them ask from a container or another machine: name the gateway as they reach it "
            "(--to), let it listen there (keepwell gateway --listen), and give them a key (keepwell key new NAME). A "
            "name of your own for it belongs in `hosts` of [gateway]; addresses and host.docker.internal need no entry."
        )
    if report.in_patch:
        tests = ("--tests",) * report.tests
        words = command_line(("keepwell", "migrate", "audit", report.root, "--to", report.gateway, *tests, "--patch"))
        apply = command_line(("git", "-C", report.patch_root, "apply"))
        rows.append(f"next  {words} | {apply}")
    elif report.files and not report.none:
        rows.append("next  nothing in these files has to change")
    return [Text(clean(one, 4000)) for one in rows]


def _list(title: str, rows: tuple[Passed, ...]) -> str:
    if not rows:
        return ""
    return f"{title}: " + ", ".join(f"{one.count} {clean(one.what, 60)}" for one in rows[:8])
