"""What services depend on: addresses in their settings, and what each can tell of those behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.formats.procfs import parse_arguments, parse_environment
from keepwell.plugins.links import (
    Caller,
    Link,
    Surroundings,
    find_urls,
    follow,
    parse_own_addresses,
)
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.services import ServiceSite, load_services
from keepwell.transport.base import Transport

#: Bytes of an environment or a table of the kernel that are read.
READ_BYTES = 1024 * 1024
#: Seconds for one connection to another machine that a service depends on.
CONNECT_SECONDS = 1.5
#: Virtual environments that are searched for Chroma's client.
PLACES = 20
#: The observation that only Chroma's own hook makes: where it stands, clients are looked for.
INTERFACES = "service.interfaces"

_PACKAGE = re.compile(r"^(chromadb|chromadb_client)-(\d[\w.]*)\.dist-info$")
_BIN = re.compile(r"^(/.+)/bin/[^/]+$")
_LISTENING = re.compile(r"^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A ", re.MULTILINE)
Row = Mapping[str, Value]


class ServicesChain:
    """Gives service.links, and of services that can tell it what they hand on to whom. A few GETs, no tokens."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.2
    gives: tuple[str, ...] = (
        "service.links",
        "service.targets",
        "service.datasources",
        "service.routes",
        "service.models",
        INTERFACES,
        "service.clients",
        "service.proxied",
    )
    needs: tuple[str, ...] = ("service.site", "service.health", "engine.site", "host.sockets", "host.containers")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """service.links of each service that names addresses, and what its hook tells."""
        around = await _surroundings(place)
        sites = [one for one in place.seen.named("service.site") if one.subject.node == place.node.name]
        told = await asyncio.gather(*(_about(place, one.subject, row_of(one.value), around) for one in sites))
        return [one for some in told for one in some]


async def _about(place: Place, ref: Ref, site: Row, around: Surroundings) -> list[Observation]:
    kind = load_services().get(text_of(site, "kind"))
    if kind is None or text_of(site, "state") == "stopped":
        return []
    environment = await _environment(place, site)
    made: list[Observation | None] = []
    state = text_of(row_of(place.seen.value(ref, "service.health")), "state")
    if kind.chain is not None and state in ("well", "failing"):
        argv = parse_arguments(await _bytes(place.transport, f"/proc/{text_of(site, 'pid')}/cmdline"))
        where = ServiceSite(
            kind=text_of(site, "kind"),
            url=text_of(site, "url"),
            argv=argv or texts_of(site.get("argv")),
            environment=environment,
            root=f"/proc/{text_of(site, 'pid')}/root" * bool(text_of(site, "container")),
            api_key=next((one.api_key for one in place.services if one.name == ref.name), ""),
        )
        told = await kind.chain(where, place.transport)
        made += [place.saw(name, value, source, subject=ref) for name, value, source in told]
        if any(name == INTERFACES for name, _, _ in told):
            made.append(await _clients(place, ref, int(find_number(site.get("pid")) or 0)))
    named = [*find_urls(kind.needs_variables, environment), *_handed_on(made)]
    made.append(await _links(place, ref, site, named, around))
    return [one for one in made if one is not None]


async def _surroundings(place: Place) -> Surroundings:
    sockets = place.seen.value(place.node, "host.sockets")
    places: dict[int, str] = {}
    for name in ("service.site", "engine.site"):
        for one in place.seen.named(name):
            port = int(find_number(row_of(one.value).get("port")) or 0)
            if one.subject.node == place.node.name and port:
                places[port] = str(one.subject)
    made = Surroundings(
        name=place.node.name,
        addresses=parse_own_addresses((await _bytes(place.transport, "/proc/net/fib_trie")).decode("ascii", "replace")),
        containers=rows_of(place.seen.value(place.node, "host.containers")),
        places=places,
    )
    if isinstance(sockets, Missing):
        return made
    return replace(made, sockets=rows_of(sockets))


async def _environment(place: Place, site: Row) -> Mapping[str, str]:
    """The variables of its process, else those that its container was made with (secrets masked there)."""
    if find_number(site.get("pid")):
        found = parse_environment(await _bytes(place.transport, f"/proc/{text_of(site, 'pid')}/environ"))
        if found:
            return found
    return {name: str(value) for name, value in row_of(_box(place, site).get("environment")).items()}


def _box(place: Place, site: Row) -> Row:
    """The row of its container; an empty one where it runs in none."""
    name = text_of(site, "container")
    rows = rows_of(place.seen.value(place.node, "host.containers"))
    return next((row for row in rows if name and text_of(row, "name") == name), {})


def _handed_on(told: Iterable[Observation | None]) -> Iterator[tuple[str, str]]:
    """Addresses to which a gateway or a proxy hands requests on, with where that is written."""
    for one in [one for one in told if one is not None]:
        for row in rows_of(one.value):
            if text_of(row, "api_base"):
                yield f"model {text_of(row, 'name')}", text_of(row, "api_base")
            if text_of(row, "upstream").startswith("http"):
                yield f"{text_of(row, 'file')}:{text_of(row, 'line')}", text_of(row, "upstream")


async def _links(
    place: Place, ref: Ref, site: Row, found: Sequence[tuple[str, str]], around: Surroundings
) -> Observation | None:
    """Each address once, followed from the service's place; None where it names none."""
    if not found:
        return None
    firsts = {url: setting for setting, url in reversed(found)}
    box = _box(place, site)
    caller = Caller()
    if box and text_of(box, "network") != "host":
        caller = Caller(apart=True, listening=await _inner_ports(place.transport, text_of(box, "pid")))
    links = [follow(setting, url, caller, around) for url, setting in firsts.items()]
    rows = tuple([(await _asked(place.transport, one)).row() for one in links])
    return place.saw("service.links", rows, f"settings of {text_of(site, 'title')}", subject=ref)


async def _asked(transport: Transport, link: Link) -> Link:
    """A link to another machine, tried from this node; any other as it is."""
    if link.why != "elsewhere" or not link.port:
        return link
    try:
        await transport.connect(link.host, link.port, timeout_seconds=CONNECT_SECONDS)
    except AccessError:
        return replace(link, reach="no", why="refused")
    return replace(link, reach="yes")


async def _inner_ports(transport: Transport, pid: str) -> frozenset[int] | None:
    """Ports on which something listens in the network of a process; None where it cannot be seen."""
    found: set[int] = set()
    try:
        for table in ("tcp", "tcp6"):
            content = await transport.read(f"/proc/{pid}/net/{table}", max_bytes=READ_BYTES)
            found |= {int(port, 16) for port in _LISTENING.findall(content.decode("ascii", "replace"))}
    except AccessError:
        return None
    return frozenset(found)


async def _clients(place: Place, ref: Ref, server_pid: int) -> Observation:
    """Chroma's packages in the virtual environments of running programs, the server's own left out."""
    rows = rows_of(place.seen.value(place.node, "host.processes"))
    roots: dict[str, str] = {}
    own: set[str] = set()
    for row in rows:
        for root in _roots(row):
            roots.setdefault(root, text_of(row, "pid"))
            if server_pid and find_number(row.get("pid")) == server_pid:
                own.add(root)
    found: list[Row] = []
    for root, pid in [one for one in roots.items() if one[0] not in own][:PLACES]:
        found += [{**package, "pid": pid} for package in await _packages(place.transport, root)]
    value: Value | Missing = tuple(found)
    if not found:
        value = absent("no running program has Chroma's client in its virtual environment")
    return place.saw("service.clients", value, "lib/python*/site-packages of running programs", subject=ref)


def _roots(row: Row) -> Iterator[str]:
    for item in (*texts_of(row.get("argv"))[:2], text_of(row, "exe")):
        match = _BIN.match(item)
        if match is not None:
            yield match[1]


async def _packages(transport: Transport, root: str) -> list[Row]:
    found: list[Row] = []
    try:
        for python in await transport.list(f"{root}/lib"):
            if python.startswith("python3"):
                for name in await transport.list(f"{root}/lib/{python}/site-packages"):
                    match = _PACKAGE.match(name)
                    if match is not None:
                        found.append({"package": match[1].replace("_", "-"), "version": match[2], "where": root})
    except AccessError:
        return found
    return found


async def _bytes(transport: Transport, path: str) -> bytes:
    try:
        return await transport.read(path, max_bytes=READ_BYTES)
    except AccessError:
        return b""


PROBE = ServicesChain()
