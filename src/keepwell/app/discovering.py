"""`keepwell discover`: engines and services by address in a network that the owner named."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from keepwell.app.operation import COULD_NOT_LOOK, Caller
from keepwell.config.model import EngineEntry, NodeEntry, ServiceEntry
from keepwell.config.render import render_entry
from keepwell.config.shapes import duration
from keepwell.core.errors import AccessError, ConfigurationError, NotThere, RefusedError
from keepwell.core.observation import Missing, absent, failed
from keepwell.formats.mdns import parse_avahi
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.services import load_services
from keepwell.survey.sweep import ADDRESSES, FoundThing, Knowledge, Network, Sweep, sweep
from keepwell.transport.base import Transport
from keepwell.transport.local import LocalTransport

#: Browse all kinds of services, resolve them, end when the cache is told.
AVAHI = ("avahi-browse", "-a", "-r", "-p", "-t")
AVAHI_SECONDS = 4.0
#: Ports that may be named at once.
PORTS = 64
LAST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundHost:
    """An address at which something answers: its name where the network tells one, engines, services, other open
    ports of those that were asked.
    """

    address: str
    name: str
    engines: tuple[FoundThing, ...]
    services: tuple[FoundThing, ...]
    other_ports: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverReport:
    """The answer of `discover`. `complete` is False when the time was over or somebody pressed Ctrl-C.

    `entries` are lines for keepwell.toml. `names` says how many names the network told of itself (mDNS), or why none.
    """

    cidr: str
    addresses: int
    ports: tuple[int, ...]
    seconds: float
    complete: bool
    interrupted: bool
    asked: int
    answering: int
    hosts: tuple[FoundHost, ...]
    names: int | Missing
    entries: str

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.discover/1"

    @property
    def exit_code(self) -> int:
        """0, or 3 when a part was not looked at."""
        return COULD_NOT_LOOK * (not self.complete)


async def discover_network(caller: Caller, *, cidr: str, ports: str, timeout: str, owned: bool) -> DiscoverReport:
    """Look through a network. Raises ConfigurationError for what is none or too large, RefusedError for one that is
    public unless `owned`.
    """
    network = read_network(cidr, owned=owned)
    knowledge = Knowledge(engines=load_engines(), services=load_services())
    wanted = read_ports(ports) or knowledge.ports()
    try:
        seconds = duration(timeout)
    except ValueError as error:
        raise ConfigurationError(f"{timeout!r} is no length of time", hint=f"write {error}") from None
    transport = LocalTransport()
    clock = asyncio.get_running_loop().time
    began, into, interrupted = clock(), Sweep(), False
    names: Mapping[str, str] | Missing = absent("nobody asked yet")
    try:
        names = await fetch_names(transport)
        await sweep(
            transport,
            network,
            wanted,
            knowledge,
            into=into,
            progress=caller.progress,
            seconds=seconds - clock() + began,
        )
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        interrupted = True
    finally:
        await transport.close()
    return _report(network, wanted, into, names, clock() - began, interrupted)


def read_network(cidr: str, *, owned: bool) -> Network:
    """The network in `192.168.1.0/24` (host bits are cleared)."""
    try:
        network = ipaddress.ip_network(cidr.strip(), strict=False)
    except ValueError:
        raise ConfigurationError(f"{cidr!r} is no network", hint="write it like 192.168.1.0/24") from None
    if network.num_addresses > ADDRESSES:
        raise ConfigurationError(
            f"{network} has {network.num_addresses} addresses, and at most {ADDRESSES} are looked at in one go",
            hint=f"name a part of it, like {network.network_address}/24",
        )
    if (network[0].is_global or network[-1].is_global) and not owned:
        raise RefusedError(
            f"{network} is public: asking it is a port scan of somebody's machines",
            hint="if it is yours, say so with --i-own-this-network",
        )
    return network


def read_ports(text: str) -> tuple[int, ...]:
    """The ports in "11434,8000-8003"; () for an empty text. Raises ConfigurationError."""
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if not part:
            continue
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigurationError(f"{part!r} is no port", hint="write ports like 11434,8000-8003")
        ends = range(int(first), int(last or first) + 1)
        found += ends[: PORTS + 1]
        if not ends or len(found) > PORTS or not all(1 <= one <= LAST_PORT for one in found):
            raise ConfigurationError(f"{text!r} holds no port, or more than {PORTS}", hint="ports are 1 to 65535")
    return tuple(dict.fromkeys(found))


async def fetch_names(transport: Transport) -> Mapping[str, str] | Missing:
    """Names that machines give themselves by mDNS, where avahi is installed and runs."""
    try:
        ran = await transport.run(AVAHI, timeout_seconds=AVAHI_SECONDS)
    except NotThere:
        return absent("avahi-browse is not installed: no names by mDNS")
    except AccessError as error:
        return failed(error)
    if ran.code != 0:
        return failed(f"avahi-browse says: {ran.stderr.decode('utf-8', 'replace').strip()[:200]}")
    return parse_avahi(ran.text)


def _report(
    network: Network, ports: tuple[int, ...], into: Sweep, names: Mapping[str, str] | Missing, seconds: float, cut: bool
) -> DiscoverReport:
    told: Mapping[str, str] = {}
    count: int | Missing = absent("")
    if isinstance(names, Missing):
        count = names
    else:
        told, count = names, len(names)
    hosts = tuple(_host(one, into, told) for one in sorted(into.open, key=ipaddress.ip_address))
    return DiscoverReport(
        cidr=str(network),
        addresses=len(list(network.hosts())),
        ports=ports,
        seconds=seconds,
        complete=into.complete,
        interrupted=cut,
        asked=into.asked,
        answering=len(into.alive),
        hosts=hosts,
        names=count,
        entries="\n".join(render_hosts(hosts)),
    )


def _host(address: str, into: Sweep, names: Mapping[str, str]) -> FoundHost:
    found = sorted(into.found.get(address, []), key=_by_url)
    taken = {int(one.url.rpartition(":")[2]) for one in found}
    return FoundHost(
        address=address,
        name=names.get(address, ""),
        engines=tuple(one for one in found if one.is_engine),
        services=tuple(one for one in found if not one.is_engine),
        other_ports=tuple(sorted(into.open[address] - taken)),
    )


def _by_url(one: FoundThing) -> str:
    return one.url


def render_hosts(hosts: Iterable[FoundHost]) -> Iterator[str]:
    """Lines for keepwell.toml: a node for each address with something that is known, and what is on it."""
    for host in hosts:
        if not host.engines and not host.services:
            continue
        name = host.name or f"node-{host.address.replace('.', '-').replace(':', '-')}"
        yield from (*render_entry(NodeEntry(name=name, address=host.address)), "")
        for one in host.engines:
            yield from (*render_entry(EngineEntry(kind=one.kind, url=one.url, node=name)), "")
        for one in host.services:
            port = one.url.rpartition(":")[2]
            entry = ServiceEntry(name=f"{one.kind}-{name}-{port}", kind=one.kind, url=one.url, node=name)
            yield from (*render_entry(entry), "")
