"""Run in a mount namespace of its own: mount for real, twice, and take it back; see test_mount."""

from __future__ import annotations

import asyncio
import shutil
import sys
from functools import partial
from pathlib import Path

from keepwell.conform.actions import perform
from keepwell.conform.desired.look import look
from keepwell.core.step import Plan, RunCommand
from keepwell.plugins.wish import Drift, Wish
from keepwell.steps.mount import STEP
from keepwell.transport.local import LocalTransport
from tests.conform.kit import work


async def main(folder: Path, kind: str) -> None:
    """AssertionError where anything is not as it should be."""
    where = folder / "srv" / "my models"
    wish: Wish = {"where": str(where), "what": "tmpfs", "type": "tmpfs", "options": ("size=1m",)}
    if kind == "bind":
        (folder / "source").mkdir()
        (folder / "source" / "blob").write_bytes(b"x")
        wish = {"where": str(where), "what": f"{folder}/source", "type": "none", "options": ("bind",)}
    hands = LocalTransport("here")

    async def compare() -> Drift:
        drift = STEP.compare(wish, await look([partial(STEP.needs, wish)], hands))
        assert isinstance(drift, Drift), drift
        assert not drift.problem, drift.problem
        return drift

    drift = await compare()
    plan = Plan(step="mount", check="desired.mount", subject=drift.subject, why="test", changes=drift.changes)
    commands = [one for one in drift.changes if isinstance(one.do, RunCommand)]
    assert await work(plan, folder / "state") == "well"
    for change in commands:  # as after a kill -9: what was done already is done again
        await perform(change.do, hands)
    assert Path("/proc/self/mountinfo").read_text().count(str(folder / "srv")) == 1
    assert (where / "blob").exists() == (kind == "bind")
    assert (await compare()).same
    for change in commands:
        assert change.undo is not None
        await perform(change.undo, hands)
    assert await work(plan, folder / "state", back=True) == "undone"
    assert not (folder / "srv").exists()
    shutil.rmtree(folder / "state")
    if kind == "bind":
        (folder / "source" / "blob").unlink()
        (folder / "source").rmdir()
    await hands.close()
    print("mounted twice the same, taken back")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
