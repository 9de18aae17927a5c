"""Asked after a plan of desired state was carried out: is what it was made for as wished now?"""

from __future__ import annotations

from keepwell.app.desired.wishing import names_of, prepare
from keepwell.app.operation import Caller
from keepwell.app.targets import find_target
from keepwell.app.wiring import Wiring
from keepwell.conform.desired.compare import TOPIC, compare
from keepwell.conform.desired.look import look
from keepwell.conform.desired.plan import judge
from keepwell.conform.desired.portrait import ask_for
from keepwell.conform.desired.resolve import find_groups
from keepwell.conform.execute import Recheck
from keepwell.core.finding import Finding
from keepwell.core.step import Plan
from keepwell.fleet.decisions import day_of
from keepwell.transport.base import Transport


def is_desired(plan: Plan) -> bool:
    """Whether it was wishes that asked for this plan."""
    return plan.check.startswith(f"{TOPIC}.")


def recheck_desired(plan: Plan, caller: Caller, wiring: Wiring, hands: Transport) -> Recheck:
    """Looks again at what the plan's wishes are about, by these hands of its node, and compares: OK, or what is not as
    wished; None where keepwell.toml wishes none of it any more. What is wished is read once.
    """
    target = find_target(hands.name, wiring.config, wiring.hands.name)
    names = names_of(target, wiring)
    groups = find_groups(wiring.config, names, wiring.hands.name)
    ready = None

    async def ask() -> Finding | None:
        nonlocal ready
        ready = ready or await prepare(wiring, caller, groups)
        wished = [one for one in ready.of(names) if one.label in plan.wishes]
        looked = await look(ask_for(wished), hands)
        compared = compare(wished, looked, wiring.config.decisions, day_of(wiring.clock.now()))
        return judge(plan, compared)

    return ask
