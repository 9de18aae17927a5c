"""Whether each container reaches the addresses that its own settings name, asked from the container's place."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.secret import mask_text
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport
from keepwell.transport.container.way import ContainerTransport, open_container

#: Containers and addresses that are looked at: each costs a process and a connection, and a node has two cores.
CONTAINERS = 24
ADDRESSES = 48
#: Of them at once.
AT_ONCE = 4
#: Seconds for one connection on the node or its local network.
CONNECT_SECONDS = 2.0
#: Seconds for all of them: below the time limit of this probe, so that those that were asked in time are told.
ALL_SECONDS = 8.0
#: Ends of names that are used at home and in offices only; a name without a dot is one, too.
LOCAL_ENDS = (".local", ".lan", ".internal", ".home.arpa", ".home", ".localdomain", ".docker")
_URL = re.compile(r"https?://[^\s,;|\"'<>]+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Asked:
    """An address that a container's variable names."""

    container: Mapping[str, Value]
    variable: str
    url: str
    host: str
    port: int


class ContainerReach:
    """Gives host.container_reach. Opens one TCP connection for each address of the node or its local network that a
    running container's environment names, from inside that container; sends nothing.
    """

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 1.0
    gives: tuple[str, ...] = ("host.container_reach",)
    needs: tuple[str, ...] = ("host.containers",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation: a tuple of mappings, one an address; absent where no container names any."""
        name, source = "host.container_reach", "a connection from inside each container"
        containers = place.seen.value(place.node, "host.containers")
        if isinstance(containers, Missing):
            return [place.saw(name, containers, source)]
        running = [row for row in rows_of(containers) if text_of(row, "state") == "running"][:CONTAINERS]
        wanted = [one for row in running for one in find_addresses(row)][:ADDRESSES]
        if not wanted:
            return [place.saw(name, absent("no running container names a local address in its environment"), source)]
        gate = asyncio.Semaphore(AT_ONCE)
        by_container: dict[str, list[Asked]] = {}
        for one in wanted:
            by_container.setdefault(text_of(one.container, "id"), []).append(one)
        rows = await _look_at_all(place.transport, list(by_container.values()), gate)
        return [place.saw(name, rows, source)]


def find_addresses(row: Mapping[str, Value]) -> Iterator[Asked]:
    """The local addresses that a container's environment names, each once. Nothing on the internet is among them."""
    seen: set[tuple[str, int]] = set()
    for variable, value in row_of(row.get("environment")).items():
        for url in _URL.findall(str(value)):
            found = _split(url)
            if found is not None and is_local(found[0]) and found not in seen:
                seen.add(found)
                yield Asked(row, variable, mask_text(url), *found)


def _split(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.hostname, port


def is_local(host: str) -> bool:
    """True for an address of this node or a local network, and for names that only mean something there; False for
    0.0.0.0 and ::, where nobody can connect to.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.lower().endswith(LOCAL_ENDS)
    return (address.is_private or address.is_loopback or address.is_link_local) and not address.is_unspecified


async def _look_at_all(transport: Transport, groups: list[list[Asked]], gate: asyncio.Semaphore) -> Value:
    """The rows of all containers; one that is not done in time is told as not asked."""
    tasks = [asyncio.create_task(_look(transport, group, gate)) for group in groups]
    try:
        await asyncio.wait(tasks, timeout=ALL_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
    rows: list[Value] = []
    for group, task in zip(groups, tasks, strict=True):
        if task.done() and not task.cancelled():
            rows += task.result()
        else:
            rows += [_row(one, "", "not-asked", f"not done within {ALL_SECONDS:g} s") for one in group]
    return tuple(rows)


async def _look(transport: Transport, wanted: list[Asked], gate: asyncio.Semaphore) -> list[Value]:
    """The rows of one container."""
    container = wanted[0].container
    try:
        async with gate:
            inside = await open_container(transport, text_of(container, "id"))
    except AccessError as error:
        return [_row(one, "", "not-asked", str(failed(error).reason)) for one in wanted]
    return list(await asyncio.gather(*(_knock(inside, one, gate) for one in wanted)))


async def _knock(inside: ContainerTransport, one: Asked, gate: asyncio.Semaphore) -> Value:
    gateway = inside.engine.gateway
    try:
        async with gate:
            await inside.connect(one.host, one.port, timeout_seconds=CONNECT_SECONDS)
    except (NotThere, NotPermitted) as error:
        return _row(one, gateway, "not-asked", error.what)
    except TimedOut as error:
        return _row(one, gateway, "silent", error.what)
    except AccessError as error:
        kind = {True: "unknown-name", False: "refused"}["not known" in error.what]
        return _row(one, gateway, kind, error.what)
    return _row(one, gateway, "reached", "")


def _row(one: Asked, gateway: str, result: str, said: str) -> Value:
    return {
        "container": text_of(one.container, "name"),
        "runtime": text_of(one.container, "runtime"),
        "network": text_of(one.container, "network"),
        "pid": int(find_number(one.container.get("pid")) or 0),
        "variable": one.variable,
        "url": one.url,
        "host": one.host,
        "port": one.port,
        "gateway": gateway,
        "result": result,
        "said": said,
    }


PROBE = ContainerReach()
