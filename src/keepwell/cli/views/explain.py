"""`keepwell explain ISSUE` on a screen: a known cause as a page."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from keepwell.app.report import IssueReport
from keepwell.cli.words import clean, command_line
from keepwell.core.issue import Evidence, Fix, Issue
from keepwell.core.words import show_blanks
from keepwell.diagnose.lag import WORDS


def render(report: IssueReport) -> RenderableType:
    """Definition, evidence for and against, what settles it, rivals, fixes, prevention."""
    issue = report.issue
    parts: list[RenderableType] = [
        Text(issue.title, style="bold"),
        Text(f"{issue.id} · {issue.family}", style="dim"),
        Text(),
        Text(issue.definition),
        Text(),
        *_section("Speaks for it", [_evidence(one) for one in issue.evidence if one.weight > 0]),
        *_section("Speaks against it", [_evidence(one) for one in issue.evidence if one.weight <= 0 or one.rules_out]),
        *_section("Needed for it", [_evidence(one) for one in issue.requires]),
        *_section("Likelier shortly after", [Text(WORDS.get(one, one)) for one in issue.after]),
        *_section("What settles it", _settle(issue)),
        *_section("Looks alike", [Text(f"{one.issue}: {one.settle}") for one in issue.rivals]),
    ]
    for fix in issue.fixes:
        parts += _section(f"Fix ({fix.supervisor})", _fix(fix))
    parts += _section("Prevention", [Text(issue.prevention)] * bool(issue.prevention))
    if issue.repair:
        parts.append(Text(f"keepwell can do this: keepwell plan {issue.id}", style="green"))
    return Group(*parts)


def _section(title: str, lines: list[Text]) -> list[RenderableType]:
    if not lines:
        return []
    return [Text(title, style="bold"), *(Padding(one, (0, 0, 0, 2), expand=False) for one in lines), Text()]


def _evidence(one: Evidence) -> Text:
    basis = one.check or " | ".join(one.match[:3])
    return Text.assemble((f"{one.weight:+5.1f}  ", "magenta"), one.say, (f"   {clean(basis, 160)}", "dim"))


def _settle(issue: Issue) -> list[Text]:
    lines = [Text(issue.settle)] * bool(issue.settle)
    return lines + [Text(f"$ {clean(issue.settle_command, 2000)}", style="cyan")] * bool(issue.settle_command)


def _fix(fix: Fix) -> list[Text]:
    lines = [Text(fix.say)]
    lines += [
        Text(f"$ {'sudo ' * one.root}{command_line(show_blanks(one.argv))}", style="cyan") for one in fix.commands
    ]
    lines += [Text(f"effect: {fix.side_effects}", style="dim")] * bool(fix.side_effects)
    return lines + [Text(f"undo: {fix.undo}", style="dim")] * bool(fix.undo)
