"""The same look by other ways: over SSH, and from a bundle. What is found must be the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keepwell.testing.sshd import find_sshd, write_files
from keepwell.testing.waiting import eventually
from keepwell.testing.world import Process, World
from tests.faults.judging import causes

#: Two ways may differ by so much in a cause's confidence.
CONFIDENCE_MARGIN = 0.02
PORT = 22222
NODE = """
[[node]]
name = "{name}"
address = "{address}"
port = {port}
user = "root"
key = "{folder}/user_key"
known_hosts = "{folder}/known_hosts"
"""


class OtherWays:
    """Looks at a world over SSH and from a bundle, each with a memory of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._folder = world.root / "ways"
        write_files(self._folder, ["127.0.0.1"], PORT)
        entry = NODE.format(name="far", address="127.0.0.1", folder=self._folder, port=PORT)
        (self._folder / "keepwell.toml").write_text(entry)
        start_sshd(world, self._folder)

    def compare(self, here: dict[str, Any]) -> None:
        """The first cause is the same as it was from here, and as sure."""
        for way, answer in (("ssh", self._over_ssh()), ("bundle", self._from_bundle())):
            self._assert_same(way, here, answer)

    def _assert_same(self, way: str, here: dict[str, Any], there: dict[str, Any]) -> None:
        first, other = causes(here)[:1], causes(there)[:1]
        assert [name for name, _ in first] == [name for name, _ in other], (way, causes(here), causes(there))
        for (_, sure), (_, also) in zip(first, other, strict=True):
            assert abs(sure - also) <= CONFIDENCE_MARGIN, (way, causes(here), causes(there))

    def _over_ssh(self) -> dict[str, Any]:
        config = self._folder / "keepwell.toml"
        return self._world.ask("diagnose", "far", "--config", str(config), env=self._memory("ssh"))

    def _from_bundle(self) -> dict[str, Any]:
        bundle = self._folder / "node.kwb"
        bundle.unlink(missing_ok=True)
        self._world.ask("collect", "--out", str(bundle), env=self._memory("bundle"))
        return self._world.ask("diagnose", str(bundle), env=self._memory("reader"))

    def _memory(self, way: str) -> dict[str, str]:
        return {"KEEPWELL_STATE": str(self._folder / f"state-{way}")}


def start_sshd(world: World, folder: Path, prefix: Sequence[str] = ()) -> Process:
    """The server of these files, listening in the world."""
    argv = [find_sshd(), "-D", "-e", "-f", str(folder / "config")]
    process = world.start(argv, log=folder / "log", prefix=prefix)
    eventually(lambda: "listening" in (folder / "log").read_text(), what=f"sshd of {folder} to listen")
    return process
