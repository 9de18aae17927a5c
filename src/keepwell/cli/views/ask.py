"""`keepwell ask` on a screen: the ranking, the model's claims with what they cite, and what nobody checked."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.expert.report import AskReport
from keepwell.ask.claims import Claim
from keepwell.ask.evidence import Exhibit
from keepwell.cli.views import diagnose
from keepwell.cli.words import clean, figure, sign
from keepwell.core.finding import Status

#: Causes of the ranking that are told in a line each; `keepwell diagnose` tells all of them whole.
CAUSES = 3
#: Notes on what had to be mended that are shown; --json has all.
NOTES = 3
#: The mark of a claim and its colour. None says that a claim is true: a model may cite and still be wrong.
_MARKS = {"supported": ("•", ""), "doubtful": ("?", "cyan"), "unsupported": ("!", "yellow")}


def render(report: AskReport) -> RenderableType:
    """The answer; without one, why, and the whole diagnosis."""
    if report.state == "fallback":
        return Group(_no_answer(report), Text(), diagnose.render(report.ranking), *_end(report))
    parts: list[RenderableType] = [*_ranking(report), Text(), *_claims(report), Text()]
    if report.cited:
        parts += [*(_exhibit(one) for one in report.cited), Text()]
    if report.state == "unsupported":
        parts += [_no_answer(report), Text()]
    return Group(*parts, *_fix(report), *_end(report))


def _no_answer(report: AskReport) -> Text:
    who = report.answering.model or "No model"
    text = Text.assemble(sign(Status.UNKNOWN), f" {clean(who)} does not answer this: {clean(report.why)}")
    if not report.answering.model:
        text = Text.assemble(sign(Status.UNKNOWN), f" No model was asked: {clean(report.why)}")
    if report.next:
        text.append(f"\n  {clean(report.next)}", style="dim")
    return text


def _ranking(report: AskReport) -> list[RenderableType]:
    causes = [one for one in report.evidence if one.kind == "cause"][:CAUSES]
    if not causes:
        bad = sum(one.bad for one in report.ranking.findings)
        said = {True: "keepwell knows no cause", False: "keepwell finds nothing wrong"}[bool(bad)]
        return [Text.assemble(("keepwell  ", "bold"), said)]
    lines: list[RenderableType] = []
    label = "keepwell"
    for one in causes:
        told = clean(one.text.partition(", because:")[0])
        lines.append(Text.assemble((f"{label:<9} ", "bold"), f"{told}  ", (f"[{one.id}]", "cyan")))
        label = ""
    return lines


def _claims(report: AskReport) -> list[RenderableType]:
    who = report.answering
    lines: list[RenderableType] = [Text.assemble((clean(who.model), "bold"), (f"  {clean(who.where)}", "dim"))]
    lines += [_claim(one) for one in report.claims if one.state != "withheld"]
    kept_back = [one for one in report.claims if one.state == "withheld"]
    for why in dict.fromkeys(one.why for one in kept_back):
        count = sum(one.why == why for one in kept_back)
        lines.append(Text.assemble("  ", sign(Status.WARNING), f" {count} kept back: {why}", style="dim"))
    lines.append(Text(f"  {clean(report.agreement_said)}", style="bold"))
    return lines


def _claim(claim: Claim) -> Text:
    text = Text.assemble("  ", _MARKS[claim.state], f" {clean(claim.text)}")
    text.append("".join(f" [{one}]" for one in claim.cites), style="cyan")
    if claim.why:
        text.append(f"  {clean(claim.why)}", style="dim")
    return text


def _exhibit(one: Exhibit) -> Text:
    return Text.assemble((f"{f'[{one.id}]':<6}", "cyan"), f"{clean(one.source)}  ", (clean(one.text), "dim"))


def _fix(report: AskReport) -> list[RenderableType]:
    """keepwell's own next step; a model's never stands here."""
    causes = report.ranking.causes
    if not causes:
        return []
    lines: list[RenderableType] = []
    if causes[0].fix is not None:
        lines.append(Text.assemble(("fix        ", "bold"), clean(causes[0].fix.say)))
    lines.append(Text.assemble(("more       ", "bold"), f"keepwell diagnose, keepwell explain {causes[0].issue}"))
    return lines


def _end(report: AskReport) -> list[RenderableType]:
    lines: list[RenderableType] = []
    unchecked = [*report.unchecked, *(f"the model: {one}" for one in report.model_unchecked)]
    label = "unchecked"
    for one in unchecked:
        lines.append(Text.assemble((f"{label:<11}", "bold"), clean(one)))
        label = ""
    for one in report.notes[:NOTES]:
        lines.append(Text(f"{'':<11}{clean(one)}", style="dim"))
    if report.answering.hosted:
        lines.append(Text(f"{'':<11}{report.answering.masked} values were masked in what left", style="dim"))
    if report.budget:
        used = ", ".join(_used(one.what, one.used, one.limit, met=one.met) for one in report.budget)
        lines.append(Text(f"{'used':<11}{used}" + " (tokens estimated)" * report.estimated, style="dim"))
    return lines


def _used(what: str, used: float, limit: float, *, met: bool) -> str:
    return f"{figure(used)} of {figure(limit)} {what}" + " (met)" * met
