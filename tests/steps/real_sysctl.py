"""Run in a namespace of its own, with a private /etc: a kernel setting is set, kept, and taken back, for real."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from keepwell.conform.actions import perform
from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing
from keepwell.plugins.wish import Drift
from keepwell.steps.sysctl import FILE, STEP
from keepwell.transport.local import LocalTransport

WISH = {"values": {"kernel.domainname": "keepwell.test"}}
RUNNING = Path("/proc/sys/kernel/domainname")


async def main() -> None:
    """Every step of it; an assertion fails otherwise."""
    hands = LocalTransport("here")
    before = RUNNING.read_text()
    drift = await compare(hands)
    assert drift.changes, drift
    for change in drift.changes:
        await perform(change.do, hands)
    assert RUNNING.read_text() == "keepwell.test\n"
    assert Path(FILE).read_text() == "kernel.domainname = keepwell.test\n"
    assert (await compare(hands)).same
    for change in reversed(drift.changes):
        assert change.undo is not None
        await perform(change.undo, hands)
    assert RUNNING.read_text() == before
    assert not Path(FILE).exists()
    await hands.close()
    print("well")


async def compare(hands: LocalTransport) -> Drift:
    """What differs now."""
    drift = STEP.compare(WISH, await look([partial(STEP.needs, WISH)], hands))
    assert not isinstance(drift, Missing), drift
    return drift


if __name__ == "__main__":
    asyncio.run(main())
