"""Nodes that are folders, wired as if they were machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from keepwell.app.wiring import Ways, Wiring
from keepwell.config import parse_config
from keepwell.config.model import Config, NodeEntry
from keepwell.core.errors import Unreachable
from keepwell.plugins.wish import find_keys
from keepwell.testing.clock import FakeClock
from keepwell.testing.rooted import RootedNode

NODES = """
[[node]]
name = "a"
address = "192.0.2.1"
tags = ["pair"]
[[node]]
name = "b"
address = "192.0.2.2"
tags = ["pair"]
"""


class MadeWays(Ways):
    """The ways to nodes that are folders; no other node can be reached."""

    def __init__(self, nodes: Mapping[str, RootedNode]) -> None:
        super().__init__()
        self._nodes = nodes
        self.opened: list[str] = []

    async def open(self, node: NodeEntry, config: Config, *, changes: bool = False) -> RootedNode:
        self.opened.append(node.name)
        if node.name not in self._nodes:
            raise Unreachable("no route to it", where=node.address, hint="is it on?")
        return self._nodes[node.name]


def make_wiring(tmp_path: Path, text: str, *names: str) -> Wiring:
    """This keepwell.toml, nodes of these names with a folder each, and this machine, which is a folder too."""
    path = tmp_path / "keepwell.toml"
    path.write_text(NODES + text)
    config = parse_config(path.read_bytes(), path=path, kinds={}, local_name="here", wishes=find_keys)
    nodes = {name: RootedNode(make_folder(tmp_path / name), name=name) for name in names}
    here = RootedNode(make_folder(tmp_path / "here"), name="here")
    return Wiring(config=config, hands=here, clock=FakeClock(), state=tmp_path / "state", ways=MadeWays(nodes))


def rewired(wiring: Wiring, text: str) -> Wiring:
    """The same with another keepwell.toml."""
    path = wiring.config.path or Path()
    path.write_text(NODES + text)
    config = parse_config(path.read_bytes(), path=path, kinds={}, local_name="here", wishes=find_keys)
    return replace(wiring, config=config)


def make_folder(root: Path) -> Path:
    """A root with an /etc."""
    (root / "etc").mkdir(parents=True)
    return root
