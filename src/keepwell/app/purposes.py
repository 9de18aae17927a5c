"""Repairs of what an inspection found (an audit, say): planned and proved by its own questions, which no diagnosis
asks.
"""

from __future__ import annotations

from dataclasses import replace

from keepwell.app.looking import expect
from keepwell.app.operation import Caller
from keepwell.app.wiring import Reached, Wiring
from keepwell.conform.execute import Recheck
from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Seen
from keepwell.core.step import Plan
from keepwell.survey.judge import checks_for, find_purposes
from keepwell.survey.survey import SurveyResult, survey
from keepwell.survey.timetable import Purpose
from keepwell.transport.base import Hands


def find_purpose(word: str) -> str:
    """The purpose that a word names, by itself or by one of its checks: "audit" of "audit.secrets"; "" for none."""
    purpose, dot, _ = word.partition(".")
    if purpose not in find_purposes() or (dot and word not in {one.id for one in checks_for(purpose)}):
        return ""
    return purpose


async def look_for(wiring: Wiring, caller: Caller, purpose: str, at: Reached) -> SurveyResult:
    """Look at a node for this purpose alone."""
    return await survey(
        at.transport,
        at.clock,
        expect(wiring, at.transport.name),
        level=Purpose(purpose),
        since_seconds=wiring.config.diagnose.since_seconds,
        origins=wiring.config.diagnose.expect_origin,
        progress=caller.progress,
    )


def recheck_purpose(plan: Plan, caller: Caller, wiring: Wiring, hands: Hands) -> Recheck:
    """Looks for the plan's purpose again. Such checks speak of what is wrong alone: of what they no longer speak, and
    could have, all is well.
    """
    purpose = find_purpose(plan.check)
    (check,) = [one for one in checks_for(purpose) if one.id == plan.check]
    quiet = replace(caller, progress=Caller().progress)
    at = Reached(transport=hands, clock=wiring.clock)

    async def ask() -> Finding | None:
        result = await look_for(wiring, quiet, purpose, at)
        found = [one for one in result.findings if (one.check, one.subject) == (plan.check, plan.subject)]
        return next(iter(found), None) or _silent(check, plan, result.seen)

    return ask


def _silent(check: Check, plan: Plan, seen: Seen) -> Finding | None:
    """What it means that a check says nothing of a subject: OK where all that it needs was seen, else nothing."""
    for need in check.needs:
        if all(isinstance(one.value, Missing) for one in seen.named(need)):
            return None
    words = f"the {check.purpose} finds nothing wrong with {plan.subject.name} any more"
    return Finding(check=check.id, subject=plan.subject, status=Status.OK, message=words)
