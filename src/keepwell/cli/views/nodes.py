"""Several nodes on a screen: one line for each, then those in trouble one after the other."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from keepwell.app.report import DiagnosesReport, DiagnosisReport
from keepwell.app.unreached import Unreached
from keepwell.cli.words import clean, share, sign
from keepwell.core.finding import Finding, Status


def render_nodes(report: DiagnosesReport, render: Callable[[DiagnosisReport], RenderableType]) -> RenderableType:
    """All nodes in lines, the unreached with the reason; then the whole answer of each that is not well."""
    rows = Table.grid(padding=(0, 2))
    for one in report.nodes:
        rows.add_row(sign(_worst(one)), clean(_name(one)), clean(_first(one)))
    for lost in report.unreached:
        rows.add_row(sign(Status.UNKNOWN), clean(lost.node), clean(lost.what))
    parts: list[RenderableType] = [rows, Text()]
    for one in report.nodes:
        if one.exit_code:
            parts += [Rule(clean(_name(one)), style="dim", align="left"), render(one), Text()]
    for lost in report.unreached:
        parts += [Rule(clean(lost.node), style="dim", align="left"), *_unreached(lost), Text()]
    looked = f"{len(report.nodes)} of {len(report.nodes) + len(report.unreached)} nodes in {report.seconds:.1f} s"
    return Group(*parts, Text(looked, style="dim"))


def _name(report: DiagnosisReport) -> str:
    if report.node is None:
        return ""
    return report.node.ref.name


def _worst(report: DiagnosisReport) -> Status:
    return max((one.status for one in report.findings if one.bad), default=Status.OK)


def _first(report: DiagnosisReport) -> str:
    """The likeliest cause, else the worst finding, else that all is well, in a few words."""
    if report.causes:
        first = report.causes[0]
        return f"{first.title} ({share(first.confidence)})" + f" and {len(report.causes) - 1} more" * (
            len(report.causes) > 1
        )
    bad = sorted((one for one in report.findings if one.bad), key=_badness, reverse=True)
    if bad:
        return bad[0].message
    if report.node is not None and report.node.engines:
        return "all well"
    return "no engine found"


def _badness(finding: Finding) -> Status:
    return finding.status


def _unreached(lost: Unreached) -> list[RenderableType]:
    rows = {"error": lost.what, "where": lost.where, "command": lost.command, "next": lost.hint}
    return [Text.assemble((f"{name:>8}  ", "bold"), clean(line, 2000)) for name, line in rows.items() if line]
