"""Wiring: the only place that names concrete classes. Gives operations what they work with.

Every command imports it, so it imports little: what a survey needs is in `looking`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.app.operation import Caller
from keepwell.app.targets import Target
from keepwell.config import Config, load_config, load_secret
from keepwell.config.home import find_home
from keepwell.config.model import NodeEntry
from keepwell.core.clock import Clock
from keepwell.plugins.registry import names
from keepwell.plugins.wish import find_keys
from keepwell.store.folder import find_state_folder
from keepwell.transport.base import Hands, Transport
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport

if TYPE_CHECKING:
    from keepwell.transport.recorded.bundle import Bundle
    from keepwell.transport.ssh.connections import Connections


class Ways:
    """The ways to other nodes that one operation opens; nodes behind the same jump host share its connection."""

    def __init__(self) -> None:
        self._connections: Connections | None = None

    async def open(self, node: NodeEntry, config: Config, *, changes: bool = False) -> Hands:
        """This node's hands, which only read unless `changes`; of an agent, its owner decides that there. Raises
        AccessError with what to do when it cannot be reached.
        """
        if node.reach == "agent":
            from keepwell.transport.agent.way import open_agent

            return await open_agent(node, load_secret(node.token, os.environ))
        if node.reach == "proxmox":
            from keepwell.transport.proxmox import open_proxmox

            return await open_proxmox(node, load_secret(node.token, os.environ))
        from keepwell.transport.ssh.connections import Connections
        from keepwell.transport.ssh.way import open_ssh

        self._connections = self._connections or Connections()
        nodes = {one.name: one for one in config.nodes}
        return await open_ssh(node, nodes=nodes, changes=changes, connections=self._connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What an operation works with: configuration, this machine's hands, the time, the state folder."""

    config: Config
    hands: Hands
    clock: Clock
    state: Path
    ways: Ways = field(default_factory=Ways)

    async def __aenter__(self) -> Wiring:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hands.close()


def wire(caller: Caller) -> Wiring:
    """The real world, as the caller's configuration describes it. Raises ConfigurationError with all mistakes."""
    hands = LocalTransport()
    config = read_config(caller, hands.name)
    return Wiring(config=config, hands=hands, clock=SystemClock(), state=find_state(caller))


def read_config(caller: Caller, local_name: str) -> Config:
    """What keepwell.toml says now; an empty one where there is none. Raises ConfigurationError with all mistakes."""
    return load_config(
        caller.config,
        known_engines=names("engines"),
        known_services=names("services"),
        known_policies=names("routing"),
        known_sinks=names("sinks"),
        local_name=local_name,
        wishes=find_keys,
    )


def find_state(caller: Caller) -> Path:
    """The state folder that the caller named, else the usual one."""
    return caller.state or find_state_folder(os.environ, home=find_home(), root=os.geteuid() == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A node that can be looked at, and its time: the real one, or that of its recording (`recorded`)."""

    transport: Transport
    clock: Clock
    bundle: Bundle | None = None

    @property
    def recorded(self) -> bool:
        """True for a recording."""
        return self.bundle is not None


@contextlib.asynccontextmanager
async def reach(wiring: Wiring, target: Target, *, changes: bool = False) -> AsyncIterator[Reached]:
    """The way to a target, closed afterwards; to another node one that only reads unless `changes`. Raises AccessError
    with what to do when there is none.
    """
    if target.bundle is not None:
        from keepwell.transport.recorded.bundle import open_bundle

        bundle = open_bundle(target.bundle)
        yield Reached(transport=bundle.transport, clock=bundle.clock, bundle=bundle)
    elif target.node is None:
        yield Reached(transport=wiring.hands, clock=wiring.clock)
    else:
        hands = await wiring.ways.open(target.node, wiring.config, changes=changes)
        try:
            yield Reached(transport=hands, clock=wiring.clock)
        finally:
            await hands.close()
