"""From wishes that differ to plans: one for what touches no engine, and one for each engine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from keepwell.conform.desired.compare import TOPIC, Compared, check_of
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref, node
from keepwell.core.step import Change, Plan
from keepwell.plugins.wish import Drift

#: The step of a plan that several steps had a part in, and the last word of its check.
SEVERAL_STEPS, SEVERAL_TABLES = "desired", "several"
#: Labels that a sentence names; the rest is counted.
NAMED = 4


def make_plans(compared: Sequence[Compared], name: str) -> tuple[Plan, ...]:
    """The plans for a node, in the order in which they fit each other: what touches no engine first."""
    parts: dict[Ref | None, list[tuple[Compared, Drift]]] = {None: []}
    for one in compared:
        if one.waits and isinstance(one.drift, Drift):
            parts.setdefault(_engine_of(one.drift, compared), []).append((one, one.drift))
    return tuple(_plan(engine, part, name) for engine, part in parts.items() if part)


def judge(plan: Plan, compared: Iterable[Compared]) -> Finding | None:
    """What the wishes that a plan fulfils come to now; None where none of them is wished any more."""
    ours = [one for one in compared if one.wished.label in plan.wishes]
    if not ours:
        return None
    differs = [one for one in ours if one.differs]
    untold = [(one, one.drift.reason) for one in ours if isinstance(one.drift, Missing)]
    status, message = Status.OK, f"{join_labels(ours)}: as wished"
    if differs:
        status, message = Status.WARNING, f"{join_labels(differs)}: not as wished"
    elif untold:
        status, message = Status.UNKNOWN, f"{untold[0][0].wished.label}: cannot be told ({untold[0][1]})"
    return Finding(check=plan.check, subject=plan.subject, status=status, message=message)


def join_labels(compared: Sequence[Compared]) -> str:
    """What they are about, in a few words."""
    labels = list(dict.fromkeys(one.wished.label for one in compared))
    more = f" and {len(labels) - NAMED} more" * (len(labels) > NAMED)
    return ", ".join(labels[:NAMED]) + more


def _engine_of(drift: Drift, compared: Sequence[Compared]) -> Ref | None:
    """The engine whose plan it belongs to: its own, or the one that needs the same file changed further."""
    if drift.engine is not None:
        return drift.engine
    paths = _paths(drift)
    others = [one.drift for one in compared if one.waits and isinstance(one.drift, Drift)]
    engines = (one.engine for one in others if one.engine is not None and not paths.isdisjoint(_paths(one)))
    return next(engines, None)


def _paths(drift: Drift) -> set[str]:
    return {getattr(change.do, "path", "") for change in drift.changes} - {""}


def _plan(engine: Ref | None, part: Sequence[tuple[Compared, Drift]], name: str) -> Plan:
    steps = {one.wished.step for one, _ in part}
    tables = {one.wished.table for one, _ in part}
    step, check = SEVERAL_STEPS, f"{TOPIC}.{SEVERAL_TABLES}"
    if len(steps) == 1:
        (step,) = steps
    if len(tables) == 1:
        check = check_of(*tables)
    compared = [one for one, _ in part]
    return Plan(
        step=step,
        check=check,
        subject=engine or node(name),
        why=f"{name} is not as wished: {join_labels(compared)}",
        changes=tuple(change for _, drift in part for change in drift.changes),
        activate=tuple(dict.fromkeys(one for _, drift in part for one in drift.activate)),
        note="; ".join(dict.fromkeys(word for _, drift in part for word in drift.kept)),
        engine=engine,
        wishes=tuple(dict.fromkeys(one.wished.label for one in compared)),
    )


def list_interruptions(changes: Iterable[Change]) -> tuple[str, ...]:
    """What stops meanwhile, each once."""
    return tuple(dict.fromkeys(one.interrupts for one in changes if one.interrupts))
