"""Plan a step against the real file system, apply it, plan again, undo it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keepwell.conform.look import prepare
from keepwell.conform.plan import Repair
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.step import Plan
from keepwell.testing.clock import FakeClock
from keepwell.transport.local import LocalTransport
from tests.conform.kit import NODE, snapshot, work

ENGINE = Ref("engine", (NODE, "some"))


def finding(check: str, **facts: str) -> Finding:
    return Finding(check=check, subject=ENGINE, status=Status.CRITICAL, message="it is bad", facts=facts)


def seeing(**values: Mapping[str, Value]) -> Seen:
    """Observations about the engine; `engine_store={...}` is about engine.store."""
    return Seen(
        Observation(subject=ENGINE, name=name.replace("_", ".", 1), value=value, at=1.0, source="test")
        for name, value in values.items()
    )


async def plan_of(step: str, found: Finding, seen: Seen) -> Plan | None:
    hands = LocalTransport(NODE)
    try:
        return await prepare(Repair(step=step, finding=found), seen, hands, FakeClock())
    finally:
        await hands.close()


async def round_trip(plan: Plan, world: Path, state: Path) -> None:
    """Apply; the world differs; undo; the world is byte for byte what it was."""
    before = snapshot(world)
    assert await work(plan, state) == "well"
    assert (snapshot(world) != before) == bool(plan.changes)
    assert await work(plan, state, back=True) == "undone"
    assert snapshot(world) == before
