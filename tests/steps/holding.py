"""Run where /var/lib/dpkg is a copy: hold a package for real, twice, and let it go; see test_packages."""

from __future__ import annotations

import asyncio
from functools import partial

from keepwell.conform.actions import perform
from keepwell.conform.desired.look import look
from keepwell.plugins.wish import Drift, Wish
from keepwell.steps.packages import STEP
from keepwell.transport.local import LocalTransport

#: Installed wherever dpkg is.
PACKAGE = "dpkg"


async def main() -> None:
    """AssertionError where anything is not as it should be."""
    hands = LocalTransport("here")
    wish: Wish = {"held": (PACKAGE,), "versions": {PACKAGE: "1.*"}}

    async def compare(one: Wish) -> Drift:
        drift = STEP.compare(one, await look([partial(STEP.needs, one)], hands))
        assert isinstance(drift, Drift), drift
        return drift

    drift = await compare(wish)
    (change,) = drift.changes
    for _ in range(2):  # as after a kill -9: what was done already is done again
        await perform(change.do, hands)
    assert (await compare(wish)).same
    assert "keepwell-none is not installed" in (await compare({"held": ("keepwell-none",)})).problem
    assert change.undo is not None
    for _ in range(2):
        await perform(change.undo, hands)
    assert (await compare(wish)).changes == drift.changes
    await hands.close()
    print("held twice the same, let go")


if __name__ == "__main__":
    asyncio.run(main())
