"""From a diagnosis to plans that can be carried out: `keepwell.app.applying` does."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.app.applying.rechecking import LEVEL
from keepwell.app.applying.traffic import with_traffic
from keepwell.app.catalogue import get_catalogue
from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.purposes import find_purpose, look_for
from keepwell.app.repair_report import PlannedRun, PlanReport, RefusedPlan
from keepwell.app.waiting import keep_plan
from keepwell.app.wiring import Reached, Wiring, wire
from keepwell.app.word import day_of, judge_with_word
from keepwell.config.problems import find_nearest
from keepwell.conform.look import prepare
from keepwell.conform.plan import Repair, find_repairs
from keepwell.conform.protection import find_objection
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.step import Change
from keepwell.fleet.decisions import Decided, decide
from keepwell.plugins.registry import names
from keepwell.plugins.wish import load_wishes
from keepwell.survey.judge import checks_for, find_purposes, load_checks


async def make_plans(caller: Caller, issue: str) -> PlanReport:
    """Look, find what can be repaired, plan it, and keep each plan as a run that nobody has begun."""
    async with wire(caller) as wiring:
        return await plan_repairs(wiring, caller, issue)


async def plan_repairs(wiring: Wiring, caller: Caller, issue: str) -> PlanReport:
    """The same with what there is to work with; only repairs of this cause, check or step, if one is named, or of what
    an inspection of this purpose finds. ConfigurationError for a word that names none of them.
    """
    purpose = find_purpose(issue)
    _require_known(issue, wiring)
    if purpose:
        found = await _inspect(wiring, caller, purpose)
    else:
        found = await _diagnose(wiring, caller)
    repairs = [one for one in found.repairs if issue in ("", purpose) or _is_about(one, issue)]
    planned: list[PlannedRun] = []
    refused: list[RefusedPlan] = []
    made: set[tuple[Change, ...]] = set()
    for one in repairs:
        plan = await prepare(one, found.seen, wiring.hands, wiring.clock)
        if plan is None or not plan.changes or (purpose and plan.changes in made):
            continue
        made.add(plan.changes)  # two findings of an inspection about one file are mended by one change
        objection = find_objection(plan, wiring.config.decisions, day_of(wiring.clock.now()), issue=one.issue)
        if objection is None:
            plan = with_traffic(plan, wiring.state)
            planned.append(keep_plan(plan, one.finding, caller, wiring, issue=one.issue))
        else:
            refused.append(RefusedPlan(issue=one.issue, finding=one.finding, plan=plan, decision=objection))
    bad = tuple(one for one in found.findings if one.bad)
    return PlanReport(
        planned=tuple(planned), findings=bad, asked_for=issue, refused=tuple(refused), decided=found.decided
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was seen and found, what could mend it, and what the owner decided on."""

    seen: Seen
    findings: tuple[Finding, ...]
    repairs: tuple[Repair, ...]
    decided: tuple[Decided, ...]


async def _diagnose(wiring: Wiring, caller: Caller) -> _Found:
    result = await look(wiring, caller, level=LEVEL)
    judged = judge_with_word(wiring.config, result.seen, result.findings, wiring.clock.now())
    causes = [one for one in (*judged.diagnosis.hypotheses, *judged.diagnosis.also) if not one.decided]
    return _Found(
        seen=result.seen,
        findings=judged.findings,
        repairs=find_repairs(judged.findings, causes),
        decided=judged.decisions.decided,
    )


async def _inspect(wiring: Wiring, caller: Caller, purpose: str) -> _Found:
    result = await look_for(wiring, caller, purpose, Reached(transport=wiring.hands, clock=wiring.clock))
    word = decide(result.findings, wiring.config.decisions, day_of(wiring.clock.now()))
    return _Found(seen=result.seen, findings=word.open, repairs=find_repairs(word.open), decided=word.decisions.decided)


def _is_about(repair: Repair, issue: str) -> bool:
    return issue in (repair.issue, repair.finding.check, repair.step)


def _require_known(word: str, wiring: Wiring) -> None:
    checks = {one.id for one in (*load_checks(LEVEL), *(one for each in find_purposes() for one in checks_for(each)))}
    known = {*get_catalogue(wiring.state).issues, *checks, *find_purposes(), *names("steps"), *load_wishes()}
    if word and word not in known:
        near = find_nearest(word, known)
        hint = "keepwell issues lists causes; without a word, everything that can be mended is planned"
        if near:
            hint = f"the nearest word is {near}"
        raise ConfigurationError(f"{word!r} is no node, cause, check, step or table of wishes", hint=hint)
