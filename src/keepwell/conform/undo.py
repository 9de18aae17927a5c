"""Undo a plan that was applied, wholly or in part: last change first, byte for byte, then effective again.

Refuses before it touches anything when somebody has changed the same thing since. Killed at any instant,
`undo` on the same run goes on where it stood.
"""

from __future__ import annotations

from keepwell.conform.actions import succeeding
from keepwell.conform.execute import Bench, Outcome, carry_out
from keepwell.conform.ledger import CHECK_KEY, activation_key, change_key
from keepwell.conform.world import find_standing
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.run import ItemState
from keepwell.core.step import Change, Plan

#: States in which there is nothing to take back.
UNTOUCHED: frozenset[ItemState] = frozenset({"pending", "undone"})


async def undo(plan: Plan, bench: Bench) -> Outcome:
    """Take back every change that was begun; "failed" when one could not be, and the run can be undone again."""
    touched = [(change, change_key(number)) for number, change in enumerate(plan.changes)]
    touched = [(change, key) for change, key in reversed(touched) if bench.ledger.state(key) not in UNTOUCHED]
    for change, _ in touched:
        await _require_ours(change, bench)
    try:
        for change, key in touched:
            await _take_back(change, key, bench)
        await _make_effective(plan, bench)
    except AccessError as error:
        return Outcome(state="failed", detail=str(error))
    if bench.ledger.state(CHECK_KEY) not in UNTOUCHED:
        bench.ledger.move(CHECK_KEY, "undoing")
        bench.ledger.move(CHECK_KEY, "undone")
    lasting = [change.what for change, _ in touched if change.undo is None]
    return Outcome(state="undone", detail=_summary(lasting))


async def _require_ours(change: Change, bench: Bench) -> None:
    if await find_standing(change, bench.hands) == "other":
        raise RefusedError(
            f"{change.what} is neither {change.before} nor {change.after} any more: somebody changed it since",
            where=str(change.subject),
            hint="put it back by hand, or leave it as it is",
        )


async def _take_back(change: Change, key: str, bench: Bench) -> None:
    standing = await find_standing(change, bench.hands)
    if standing == "other":
        await _require_ours(change, bench)
    bench.ledger.move(key, "undoing")
    detail = change.irreversible
    if change.undo is not None and standing != "before":
        await carry_out(change.undo, key, bench)
    bench.ledger.move(key, "undone", detail)


async def _make_effective(plan: Plan, bench: Bench) -> None:
    """What made the plan effective makes its undo effective too, if it was reached at all."""
    for number, activation in enumerate(plan.activate):
        key = activation_key(number)
        if bench.ledger.state(key) in UNTOUCHED:
            continue
        again = succeeding(activation, bench.ledger.get(key).detail)
        bench.ledger.move(key, "undoing", bench.ledger.get(key).detail)
        await carry_out(again, key, bench)
        bench.ledger.move(key, "undone")


def _summary(lasting: list[str]) -> str:
    if not lasting:
        return "everything is as it was"
    return f"everything is as it was but what has no undo: {', '.join(lasting)}"
