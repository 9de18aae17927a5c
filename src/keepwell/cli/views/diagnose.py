"""`keepwell diagnose` on a screen: the picture first, then ranked causes with their evidence, then the fix."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.novelty import CHECK as NEW_LINES
from keepwell.app.report import DiagnosesReport, DiagnosisReport
from keepwell.cli.views.cause import render_cause, render_doubt, render_rivals
from keepwell.cli.views.incident import render_similar
from keepwell.cli.views.new_lines import render_new_lines
from keepwell.cli.views.nodes import render_nodes
from keepwell.cli.views.picture import render_looked, render_node
from keepwell.cli.views.word import render_changes, render_decisions
from keepwell.cli.words import clean, share, sign
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import NextProbe

#: Findings that no cause explains, shown at most so many: more hide the causes.
FINDINGS_SHOWN = 12


def render(report: DiagnosisReport | DiagnosesReport) -> RenderableType:
    """The whole answer; of several nodes each in turn, below one line for each."""
    if isinstance(report, DiagnosesReport):
        return render_nodes(report, render)
    parts: list[RenderableType] = []
    if report.node is not None:
        parts += [render_node(report.node), Text()]
    parts += _verdict(report)
    if report.node is not None and not report.node.engines:
        parts += [Text("What was looked for:", style="bold"), *render_looked(report.looked), *_advice(), Text()]
    parts.append(_summary(report))
    return Group(*parts)


def _verdict(report: DiagnosisReport) -> list[RenderableType]:
    diagnosis = report.diagnosis
    parts: list[RenderableType] = []
    for number, cause in enumerate(report.causes, start=1):
        parts += [*render_cause(cause, number), Text()]
        if number == 1:
            parts += render_rivals(diagnosis.hypotheses[1:], diagnosis.unknown)
    parts += render_doubt(diagnosis)
    parts += _unexplained(report)
    parts += _changes(report)
    if parts:
        parts += render_new_lines(report.new_lines)
    trouble = bool(parts)
    parts += render_similar(report.similar * trouble)
    parts += render_decisions(report.decisions, (*diagnosis.hypotheses, *diagnosis.also))
    if diagnosis.next_probe is not None and trouble:
        parts += _next_probe(diagnosis.next_probe)
    if not trouble and (report.node is None or report.node.engines):
        parts.append(Text.assemble(sign(Status.OK), " ", _well(report)))
    return parts


def _well(report: DiagnosisReport) -> str:
    if report.node is None:
        return "Nothing in this text is a known sign of a fault."
    return "All well: no check found anything wrong."


def _changes(report: DiagnosisReport) -> list[RenderableType]:
    until = report.first_error_at
    if until is None:
        return render_changes(report.changes, report.at, first_error=False)
    return render_changes(report.changes, until, first_error=True)


def _unexplained(report: DiagnosisReport) -> list[RenderableType]:
    told = {one.source for cause in report.causes for one in cause.supporting}
    rest = [one for one in report.findings if one.bad and one.check != NEW_LINES and not _is_told(one, told)]
    if not rest:
        return []
    lines: list[RenderableType] = [Text("Also noticed:", style="bold")]
    lines += [_finding(one) for one in rest[:FINDINGS_SHOWN]]
    if len(rest) > FINDINGS_SHOWN:
        lines.append(Text(f"  and {len(rest) - FINDINGS_SHOWN} more (--json lists all)", style="dim"))
    return [*lines, Text()]


def _is_told(finding: Finding, told: set[str]) -> bool:
    """Whether a cause above quotes this finding (its source is "check" or "check at subject")."""
    return bool({finding.check, f"{finding.check} at {finding.subject}"} & told)


def _finding(finding: Finding) -> Text:
    return Text.assemble("  ", sign(finding.status), f" {clean(finding.message)}", (f"  {finding.check}", "dim"))


def _next_probe(probe: NextProbe) -> list[RenderableType]:
    lines: list[RenderableType] = [Text.assemble(("Next check: ", "bold"), clean(probe.say))]
    if probe.command:
        lines.append(Text(f"    $ {clean(probe.command, 2000)}", style="cyan"))
    return [*lines, Text()]


def _advice() -> list[RenderableType]:
    return [
        Text("What to do:", style="bold"),
        Text("  keepwell demo                      see the whole loop on a real engine that is started for it"),
        Text("  keepwell diagnose --evidence FILE  say what a log or a pasted error means (- reads standard input)"),
        Text("  keepwell.toml                      name engines that are elsewhere: [[engine]] kind, url"),
    ]


def _summary(report: DiagnosisReport) -> Text:
    blind = sum(one.status is Status.UNKNOWN for one in report.findings)
    words = [_count(report.checks_made, "check") + f" ({blind} could not look: --json says why)" * bool(blind)]
    words = words * bool(report.checks_made) + [_count(report.lines_read, "line") + " of text"]
    unknown = ""
    if report.causes or report.diagnosis.not_known:
        unknown = f" · none of these: {share(report.diagnosis.unknown)}"
    return Text(f"{', '.join(words)} in {report.seconds:.1f} s{unknown}", style="dim")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"
