"""Looks through a range of addresses for engines and services: politely, within a time, and only when asked.

First the likeliest ports at every address; then the others at addresses that gave any sign of life; then the rest,
as long as the time lasts. An open port that speaks HTTP gets the few requests by which the plug-ins that name it know
their own; a port that no plug-in names is asked for all, since somebody named it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from keepwell.core.errors import AccessError, EngineError, TimedOut, TooLarge
from keepwell.core.observation import Missing
from keepwell.plugins.engine import Engine
from keepwell.plugins.services import ServiceKind
from keepwell.plugins.visits import Asker, visit
from keepwell.plugins.whereabouts import Candidate
from keepwell.transport.base import Transport

#: Addresses that are looked at in one go: a /22.
ADDRESSES = 1024
#: Connections under way at once, in all and at one address: a small router tracks some thousand.
AT_ONCE = 96
AT_ONE = 2
#: Seconds for one connection; within a house an answer takes milliseconds.
CONNECT_SECONDS = 0.7
#: Ports by which an address is found to be alive; each costs every dead address its time.
FIRST_PORTS = 3

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundThing:
    """An engine or a service at an address. `is_engine` tells which; `kind` is the plug-in's name."""

    is_engine: bool
    kind: str
    title: str
    url: str
    version: str


@dataclass(slots=True, kw_only=True)
class Sweep:
    """What a look through addresses has found so far; grows while `sweep` runs, and can be read at any time.

    `open` are ports that take connections, by address; `alive` addresses that took or refused one. `complete`: every
    port of every address was asked.
    """

    found: dict[str, list[FoundThing]] = field(default_factory=dict)
    open: dict[str, set[int]] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    asked: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The plug-ins that say what answers."""

    engines: Mapping[str, Engine]
    services: Mapping[str, ServiceKind]

    def ports(self) -> tuple[int, ...]:
        """Every port that a plug-in names, those of engines of their own kind first."""
        ranked = sorted(self.engines.values(), key=_generic_last)
        ports = [port for one in ranked for port in one.ports]
        return tuple(dict.fromkeys([*ports, *(port for one in self.services.values() for port in one.ports)]))


Told = Callable[[str, int, int], None]


async def sweep(
    transport: Transport,
    network: Network,
    ports: Sequence[int],
    knowledge: Knowledge,
    *,
    into: Sweep,
    progress: Told,
    seconds: float,
    connect_seconds: float = CONNECT_SECONDS,
) -> None:
    """Look through the network for at most `seconds`; what is found goes into `into`, also when it is cancelled.

    An address that takes no connection within `connect_seconds` counts as silent.

    Raises ValueError for more than `ADDRESSES` addresses.
    """
    if network.num_addresses > ADDRESSES:
        raise ValueError(
            f"{network} has {network.num_addresses} addresses; at most {ADDRESSES} are looked at in one go"
        )
    hosts = [str(one) for one in hosts_of(network)]
    run = _Run(transport, knowledge, into, progress, len(hosts) * len(ports), connect_seconds)
    try:
        async with asyncio.timeout(seconds):
            await run.ask(hosts, ports[:FIRST_PORTS])
            silent = [one for one in hosts if one not in into.alive]
            await run.ask([one for one in hosts if one in into.alive], ports[FIRST_PORTS:])
            await run.ask(silent, ports[FIRST_PORTS:])
    except TimeoutError:
        return
    into.complete = True


def hosts_of(network: Network) -> Iterator[Address]:
    """Its addresses, without those of the network itself and of all (where they are such)."""
    yield from network.hosts()


class _Run:
    """One look through."""

    def __init__(
        self,
        transport: Transport,
        knowledge: Knowledge,
        into: Sweep,
        progress: Told,
        total: int,
        connect_seconds: float,
    ) -> None:
        self._transport = transport
        self._knowledge = knowledge
        self._into = into
        self._progress = progress
        self._total = total
        self._connect_seconds = connect_seconds
        self._asker = Asker(transport)
        self._ports = frozenset(knowledge.ports())
        self._gates: dict[str, asyncio.Semaphore] = {}

    async def ask(self, hosts: Iterable[str], ports: Iterable[int]) -> None:
        """Every port of every address, port by port, a bounded number at once."""
        waiting = iter([(host, port) for port in ports for host in hosts])
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work(waiting))

    async def _work(self, waiting: Iterator[tuple[str, int]]) -> None:
        for host, port in waiting:
            async with self._gates.setdefault(host, asyncio.Semaphore(AT_ONE)):
                await self._one(host, port)
            self._into.asked += 1
            self._progress(f"{len(self._into.alive)} addresses answer", self._into.asked, self._total)

    async def _one(self, host: str, port: int) -> None:
        try:
            await self._transport.connect(host, port, timeout_seconds=self._connect_seconds)
        except TimedOut:
            return
        except AccessError as error:
            if "refused" in error.what.lower():
                self._into.alive.add(host)
            return
        self._into.alive.add(host)
        self._into.open.setdefault(host, set()).add(port)
        thing = await self._recognise(host, port)
        if thing is not None:
            self._into.found.setdefault(host, []).append(thing)

    async def _recognise(self, host: str, port: int) -> FoundThing | None:
        """What answers there: an engine of its own kind, a service, or at last anything with a generic interface."""
        if not await self._speaks_http(host, port):
            return None
        named = port in self._ports
        known = [(name, one) for name, one in self._knowledge.engines.items() if port in one.ports or not named]
        engines = sorted(known, key=_generic_pair_last)
        special = [one for one in engines if one[1].specificity > 0]
        generic = [one for one in engines if one[1].specificity <= 0]
        return (
            await self._engine(host, port, special)
            or await self._service(host, port)
            or await self._engine(host, port, generic)
        )

    async def _speaks_http(self, host: str, port: int) -> bool:
        reply = await self._asker.get(f"{Candidate(kind='', how='port', host=host, port=port).url}/")
        return not isinstance(reply, AccessError) or isinstance(reply, TooLarge)

    async def _engine(self, host: str, port: int, engines: Iterable[tuple[str, Engine]]) -> FoundThing | None:
        url = Candidate(kind="", how="port", host=host, port=port).url
        for name, one in engines:
            try:
                identity = await one.detect(url, self._transport)
            except (AccessError, EngineError):
                continue
            if not isinstance(identity, Missing):
                return FoundThing(is_engine=True, kind=name, title=one.title, url=url, version=identity.version)
        return None

    async def _service(self, host: str, port: int) -> FoundThing | None:
        for name, one in self._knowledge.services.items():
            if port in one.ports or port not in self._ports:
                at = Candidate(kind=name, how="port", host=host, port=port)
                seen = await visit(self._asker, self._knowledge.services, at)
                if seen.known:
                    return FoundThing(is_engine=False, kind=name, title=one.title, url=at.url, version=seen.version)
        return None


def _generic_last(one: Engine) -> int:
    return -one.specificity


def _generic_pair_last(one: tuple[str, Engine]) -> int:
    return -one[1].specificity
