"""The ways to other nodes that are open now: opened, closed and opened again by the duty that collects, used by all."""

from __future__ import annotations

from keepwell.transport.base import Hands


class OpenWays:
    """By the node's name."""

    def __init__(self) -> None:
        self._ways: dict[str, Hands] = {}

    def put(self, node: str, way: Hands) -> None:
        """This node is reached by this way from now on."""
        self._ways[node] = way

    def take_away(self, node: str) -> None:
        """It is not reached any more."""
        self._ways.pop(node, None)

    def find(self, node: str) -> Hands | None:
        """The way to a node; None while it is not reached. This machine is not among them: see `Hub.wiring.hands`."""
        return self._ways.get(node)
