"""Which question proves that a plan did what it was made for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keepwell.app.desired.rechecking import is_desired, recheck_desired
from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.purposes import find_purpose, recheck_purpose
from keepwell.app.running.proving import recheck_serving
from keepwell.app.stores.cleaning import recheck_cleaned
from keepwell.app.wiring import Reached, Wiring
from keepwell.conform.execute import Recheck
from keepwell.conform.models.clean import STEP as CLEAN
from keepwell.core.finding import Finding
from keepwell.core.step import Plan
from keepwell.transport.base import Hands

#: The level at which plans are made and asked about: every check that a step mends is on level 1.
LEVEL = 1


def make_recheck(plan: Plan, caller: Caller, wiring: Wiring, hands: Hands) -> Recheck:
    """Asks what asked for this plan, by the hands of its node."""
    if plan.step == CLEAN:
        return recheck_cleaned(plan, replace(wiring, hands=hands))
    if is_desired(plan):
        return recheck_desired(plan, caller, wiring, hands)
    if plan.proof:
        return recheck_serving(plan, hands, wiring.clock, wiring.config)
    if find_purpose(plan.check):
        return recheck_purpose(plan, caller, wiring, hands)
    quiet = replace(caller, progress=Caller().progress)
    at = Reached(transport=hands, clock=wiring.clock)

    async def ask() -> Finding | None:
        return find_finding((await look(wiring, quiet, level=LEVEL, at=at)).findings, plan)

    return ask


def find_finding(findings: Iterable[Finding], plan: Plan) -> Finding | None:
    """What the check that asked for a plan says about its subject now."""
    return next((one for one in findings if (one.check, one.subject) == (plan.check, plan.subject)), None)
