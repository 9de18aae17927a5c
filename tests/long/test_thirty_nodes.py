"""Thirty nodes over SSH at once, of which one hangs, one refuses and one has a full disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from keepwell.testing.sshd import APART, write_files
from keepwell.testing.world import World
from tests.faults.ways import NODE, start_sshd
from tests.faults.world import need_root

pytestmark = [pytest.mark.long, pytest.mark.root]

NODES = 30
PORT = 22222
#: A /tmp of its own without room: what follows in the command line runs with that.
FULL_DISK = [
    *APART,
    "sh",
    "-c",
    'mount -t tmpfs -o size=1m none /tmp && head -c 2m /dev/zero > /tmp/full 2> /dev/null; exec "$@"',
    "sh",
]


@pytest.fixture
def fleet(world: World) -> list[str]:
    """Thirty nodes on addresses of their own, declared in keepwell.toml; the last three are in trouble."""
    need_root("sshd", "unshare", "mount")
    names = [f"node{number:02}" for number in range(1, NODES + 1)]
    entries = ""
    for number, name in enumerate(names, start=1):
        folder = world.root / name
        address = f"127.0.1.{number}"
        write_files(folder, [address], PORT)
        entries += NODE.format(name=name, address=address, folder=folder, port=PORT)
    (world.root / "keepwell.toml").write_text(entries)
    for name in names[:-3]:
        start_sshd(world, world.root / name, prefix=APART)
    start_sshd(world, world.root / names[-3], prefix=FULL_DISK)
    hanging = start_sshd(world, world.root / names[-2])
    world.signal(hanging.pid, "STOP")
    return names


def test_each_fault_is_named_and_harms_no_other(fleet: list[str], world: World) -> None:
    full, hangs, refuses = fleet[-3:]
    answer = world.ask("diagnose", *fleet, "--config", str(world.root / "keepwell.toml"))
    nodes = {one["node"]["ref"].removeprefix("node:"): one for one in answer["nodes"]}
    lost = {one["node"]: one for one in answer["unreached"]}
    assert sorted(nodes) == fleet[:-2], lost
    assert sorted(lost) == [hangs, refuses]
    assert "refused" in lost[refuses]["what"]
    assert lost[hangs]["hint"]
    assert "disk.space" in bad(nodes[full])
    assert not [name for name in fleet[:-3] if "disk.space" in bad(nodes[name])]
    checks = {nodes[name]["checks_made"] for name in fleet[:-3]}
    assert len(checks) == 1, "every one was looked through as all others were"


def bad(report: Mapping[str, Any]) -> set[str]:
    """The checks that came out badly."""
    return {one["check"] for one in report["findings"] if one["status"] in ("warning", "critical")}
