"""Wiring: the only place that names concrete classes. Gives operations what they work with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.app.expecting import expect_engines, expect_services, recall
from keepwell.app.lessons.learned import get_learned
from keepwell.app.measured import earlier_speeds, keep_speeds
from keepwell.app.operation import Caller
from keepwell.app.remembering import keep_look
from keepwell.app.replaying import survey_bundle
from keepwell.app.serving.attested import earlier_answers
from keepwell.app.targets import Target
from keepwell.config import Config, load_config, load_secret
from keepwell.config.home import find_home
from keepwell.config.model import NetworkEntry, NodeEntry
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError
from keepwell.diagnose.catalogue import Catalogue
from keepwell.fleet.inventory import build_inventory
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.registry import names
from keepwell.plugins.services import ServiceWish
from keepwell.store.folder import find_state_folder
from keepwell.store.memory import load_memory, remember, save_memory
from keepwell.survey.expected import Expected
from keepwell.survey.survey import SurveyResult, survey
from keepwell.survey.timetable import Consent
from keepwell.transport.base import Hands, Transport
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.bundle import Bundle, open_bundle

if TYPE_CHECKING:
    from keepwell.transport.ssh.connections import Connections


class Ways:
    """The ways to other nodes that one operation opens; nodes behind the same jump host share its connection."""

    def __init__(self) -> None:
        self._connections: Connections | None = None

    async def open(self, node: NodeEntry, config: Config) -> Hands:
        """This node's hands, which only read. Raises AccessError with what to do when it cannot be reached."""
        if node.reach == "agent":
            from keepwell.transport.agent.way import open_agent

            return await open_agent(node, load_secret(node.token, os.environ))
        from keepwell.transport.ssh.connections import Connections
        from keepwell.transport.ssh.way import open_ssh

        self._connections = self._connections or Connections()
        nodes = {one.name: one for one in config.nodes}
        return await open_ssh(node, nodes=nodes, connections=self._connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What an operation works with: configuration, this machine's hands, the time, the state folder."""

    config: Config
    hands: Hands
    clock: Clock
    state: Path
    ways: Ways = field(default_factory=Ways)

    def expect(self, node: str) -> tuple[Expected | ServiceWish | NetworkEntry, ...]:
        """The engines that ought to be on this node, declared or remembered, and its declared services and networks."""
        inventory = build_inventory(self.config, load_memory(self.state), node)
        services = expect_services(self.config.services, node, self.hands.name, os.environ)
        networks = (one for one in self.config.networks if one.node == node)
        return (*expect_engines(inventory, node, os.environ), *services, *networks)

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
        local_name=local_name,
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
async def reach(wiring: Wiring, target: Target) -> AsyncIterator[Reached]:
    """The way to a target, closed afterwards. Raises AccessError with what to do when there is none."""
    if target.bundle is not None:
        bundle = open_bundle(target.bundle)
        yield Reached(transport=bundle.transport, clock=bundle.clock, bundle=bundle)
    elif target.node is None:
        yield Reached(transport=wiring.hands, clock=wiring.clock)
    else:
        hands = await wiring.ways.open(target.node, wiring.config)
        try:
            yield Reached(transport=hands, clock=wiring.clock)
        finally:
            await hands.close()


async def look(
    wiring: Wiring,
    caller: Caller,
    *,
    level: int,
    since_seconds: float = 0.0,
    at: Reached | None = None,
    consent: Consent = False,
) -> SurveyResult:
    """Survey a node (this machine if none is given), and remember the engines that serve, so that one that stops
    is missed. `since_seconds` 0 is what the configuration says.
    """
    place = at or Reached(transport=wiring.hands, clock=wiring.clock)
    if place.bundle is not None:
        return await survey_bundle(place.bundle, level=level, progress=caller.progress)
    result = await survey(
        place.transport,
        place.clock,
        (
            *wiring.expect(place.transport.name),
            *earlier_speeds(wiring.state, place.transport.name),
            *earlier_answers(wiring.state, place.transport.name, wiring.clock.now()),
        ),
        level=level,
        since_seconds=since_seconds or wiring.config.diagnose.since_seconds,
        origins=wiring.config.diagnose.expect_origin,
        consent=consent,
        progress=caller.progress,
    )
    remember_look(wiring, result)
    return result


def remember_look(wiring: Wiring, result: SurveyResult) -> None:
    """Keep which engines served and how fast, so that one that stops is missed and one that slows is seen."""
    now = wiring.clock.now()
    # a read-only or full disk must not keep a diagnosis from its reader; what is lost is only the memory
    with contextlib.suppress(AccessError):
        save_memory(wiring.state, remember(load_memory(wiring.state), recall(result.sites, result.seen, now), now))
    keep_speeds(wiring.state, result.seen, now)
    for node in result.seen.subjects("node"):
        keep_look(wiring.state, result.seen, node, now)


def get_catalogue(state: Path | None = None) -> Catalogue:
    """The catalogue that keepwell ships, as the owner's closed incidents changed it (those of the usual state folder if
    none is given); read again when they change.
    """
    return get_learned(state or find_state_folder(os.environ, home=find_home(), root=os.geteuid() == 0)).catalogue


@cache
def get_follow_ups() -> Sequence[str]:
    """Every engine's patterns of lines that tell of an earlier error."""
    return tuple(dict.fromkeys(pattern for one in load_engines().values() for pattern in one.follow_ups))
