"""Whether a store that was moved has all that it had."""

from __future__ import annotations

from keepwell.app.running.proving import find_problem
from keepwell.app.stores.stores import open_store
from keepwell.app.wiring import Wiring
from keepwell.conform.execute import Recheck
from keepwell.conform.models.judge import Fault, judge_stock
from keepwell.conform.models.migrate import CHECK, find_old, find_target, judge_moved
from keepwell.core.errors import AccessError
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing
from keepwell.core.step import Plan
from keepwell.transport.base import Transport


def recheck_moved(plan: Plan, wiring: Wiring, hands: Transport) -> Recheck:
    """Asks whether the engine answers and offers what it did, and whether the new folder lacks nothing; reads no
    weights: every byte was read back when it was written.
    """

    async def ask() -> Finding | None:
        for promise in plan.proof:
            problem = await find_problem(promise, plan.subject, hands, wiring.config)
            if problem:
                return Finding(check=CHECK, subject=plan.subject, status=Status.CRITICAL, message=problem)
        try:
            before = await _find_faults(find_old(plan), hands, wiring)
            after = await _find_faults(find_target(plan), hands, wiring)
        except AccessError as error:
            return Finding(check=CHECK, subject=plan.subject, status=Status.UNKNOWN, message=str(error))
        return judge_moved(plan, before, after)

    return ask


async def _find_faults(folder: str, hands: Transport, wiring: Wiring) -> tuple[Fault, ...]:
    """Raises AccessError where no store lies there any more."""
    store = await open_store(folder, hands)
    if isinstance(store.stock, Missing):
        return (Fault(kind="unreadable", path=folder, detail=store.stock.reason),)
    return judge_stock(store.stock, {}, wiring.clock.now())
