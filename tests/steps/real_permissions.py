"""Run in a mount namespace of its own: a file system mounted below a tree is not entered, a shut folder is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
from functools import partial
from pathlib import Path

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing
from keepwell.plugins.wish import Drift
from keepwell.steps.permissions import STEP
from keepwell.transport.local import LocalTransport


async def main() -> None:
    """Every step of it; an assertion fails otherwise."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    tree = Path("/mnt/tree")
    for name in ("disk", "bound", "shut"):
        (tree / name).mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tree / "disk")], check=True)
    for name in ("disk", "shut", "."):
        (tree / name / "open").write_bytes(b"")
        (tree / name / "open").chmod(0o666)
    subprocess.run(["mount", "--bind", str(tree / "shut"), str(tree / "bound")], check=True)
    (tree / "shut").chmod(0o700)
    drift = await compare(tree)
    assert [one.subject.name for one in drift.changes] == [f"{tree}/open", f"{tree}/shut/open"], drift
    assert {one.partition(":")[0] for one in drift.kept} == {f"{tree}/disk", f"{tree}/bound"}, drift
    os.setgid(65534)
    os.setuid(65534)
    drift = await compare(tree)
    assert [one.subject.name for one in drift.changes] == [f"{tree}/open"], drift
    assert any("2 folders could not be looked into" in one for one in drift.kept), drift
    print("well")


async def compare(tree: Path) -> Drift:
    """What differs now."""
    hands = LocalTransport("here")
    wish = {"path": str(tree)}
    drift = STEP.compare(wish, await look([partial(STEP.needs, wish)], hands))
    await hands.close()
    assert not isinstance(drift, Missing), drift
    return drift


if __name__ == "__main__":
    asyncio.run(main())
