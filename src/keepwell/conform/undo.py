"""Undo a plan that was applied, wholly or in part: last change first, byte for byte, then effective again.

Refuses before it touches anything when somebody has changed the same thing since. Killed at any instant,
`undo` on the same run goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.conform.actions import succeeding
from keepwell.conform.execute import Bench, Outcome, carry_out
from keepwell.conform.hands import get_exact
from keepwell.conform.ledger import CHECK_KEY, UNTOUCHED, activation_key, change_key
from keepwell.conform.traffic import Gate
from keepwell.conform.world import find_standing
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.step import Change, Plan, Put, Rename


async def undo(plan: Plan, bench: Bench) -> Outcome:
    """Take back every change that was begun; "failed" when one could not be, and the run can be undone again.

    An engine that was touched has no requests meanwhile, and has them again afterwards.
    """
    touched = [(change, change_key(number)) for number, change in enumerate(plan.changes)]
    touched = [(change, key) for change, key in reversed(touched) if bench.ledger.state(key) not in UNTOUCHED]
    for change in _last_of_each(change for change, _ in touched):
        await _require_ours(change, bench)
    await _require_kept([change for change, _ in touched], bench)
    gate = Gate(engine=plan.engine, ledger=bench.ledger, traffic=bench.traffic)
    try:
        if touched or any(bench.ledger.state(key) not in UNTOUCHED for key in _activations(plan)):
            await gate.close_again()
        for change, key in touched:
            await _take_back(change, key, bench)
        await _make_effective(plan, bench)
        lacking = await gate.open_again(_was_touched(plan, bench))
    except AccessError as error:
        return Outcome(state="failed", detail=str(error))
    if bench.ledger.state(CHECK_KEY) not in UNTOUCHED:
        bench.ledger.move(CHECK_KEY, "undoing")
        bench.ledger.move(CHECK_KEY, "undone")
    lasting = [change.what for change, _ in touched if change.undo is None]
    return Outcome(state="undone", detail=_summary(lasting) + f"; but {lacking}" * bool(lacking))


def _activations(plan: Plan) -> Iterator[str]:
    return (activation_key(number) for number in range(len(plan.activate)))


def _was_touched(plan: Plan, bench: Bench) -> bool:
    """Whether anything of it had been begun, taken back or not."""
    keys = [change_key(number) for number in range(len(plan.changes))]
    return any(bench.ledger.state(key) != "pending" for key in (*keys, *_activations(plan)))


def _last_of_each(changes: Iterable[Change]) -> Iterator[Change]:
    """Of changes, the last one first, those that no later one of the plan covers: only these are as they were left.

    Where a thing was renamed away and another put in its place, that other one tells.
    """
    seen: set[tuple[type, str]] = set()
    for change in changes:
        touched = type(change.do), getattr(change.do, "path", "")
        refilled = isinstance(change.do, Rename) and any(path == touched[1] for _, path in seen)
        if not touched[1] or not (touched in seen or refilled):
            yield change
        seen.add(touched)


async def _require_ours(change: Change, bench: Bench) -> None:
    if await find_standing(change, bench.hands) == "other":
        raise RefusedError(
            f"{change.what} is neither {change.before} nor {change.after} any more: somebody changed it since",
            where=str(change.subject),
            hint="put it back by hand, or leave it as it is",
        )


async def _require_kept(changes: Iterable[Change], bench: Bench) -> None:
    """Of changes, the last one first: what was renamed away before another thing was put in its place has to be there
    still, before that other one is taken away.
    """
    seen: set[str] = set()
    for change in changes:
        path = getattr(change.do, "path", "")
        if isinstance(change.do, Rename) and path in seen:
            there = await get_exact(bench.hands).entry(change.do.target, max_bytes=0)
            if there.kind == "absent":
                hint = "it cannot be taken back without it"
                raise RefusedError(f"{change.what} is not there any more", where=change.do.target, hint=hint)
        seen.add(path)


async def _take_back(change: Change, key: str, bench: Bench) -> None:
    standing = await find_standing(change, bench.hands)
    if standing == "other":
        await _require_ours(change, bench)
    bench.ledger.move(key, "undoing")  # a Put is taken back also where it seems to be: times come last
    detail = change.irreversible
    if change.undo is not None and (standing != "before" or isinstance(change.undo, Put)):
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
