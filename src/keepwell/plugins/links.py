"""What a service depends on, told by addresses in its settings, and whether they lead there from its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from keepwell.core.observation import Value
from keepwell.core.secret import mask_text
from keepwell.core.values import find_number, rows_of, text_of, texts_of

#: Addresses that are read of one setting: a list of backends is short.
ADDRESSES = 8
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Names by which a container calls its node.
ALIASES = frozenset({"host.docker.internal", "host.containers.internal", "gateway.docker.internal"})
_URL = re.compile(r"https?://[^\s;,\"']+|^[\w.-]+:\d{2,5}$")
_LOCAL = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL")

Row: TypeAlias = Mapping[str, Value]
Reach: TypeAlias = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """From where an address is used: on the node itself, or in a container with a network of its own.

    `listening` are ports on which something listens in that network of its own, None where it could not be seen.
    """

    apart: bool = False
    listening: frozenset[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known of a node when links are followed.

    `places` are the Refs (as text) of engines and services by port on the node. `addresses` are the node's own.
    `sockets` is None where they could not be seen.
    """

    name: str
    addresses: frozenset[str] = frozenset()
    sockets: Sequence[Row] | None = None
    containers: Sequence[Row] = ()
    places: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One address in a service's settings: where it leads, and whether it does so from the service's place.

    `target` is a Ref as text, "" for one that keepwell does not know. `why` is own-loopback, loopback-only,
    nothing-listens, container-stopped, elsewhere (another machine: only asking tells) or "".
    """

    setting: str
    url: str
    host: str
    port: int
    target: str = ""
    reach: Reach = "unknown"
    why: str = ""

    def row(self) -> dict[str, Value]:
        """The link as a row of service.links; logins in the address are masked."""
        return {
            "setting": self.setting,
            "url": mask_text(self.url),
            "host": self.host,
            "port": self.port,
            "target": self.target,
            "reach": self.reach,
            "why": self.why,
        }


def find_urls(patterns: Iterable[str], settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name and address of every setting whose name fits one of the patterns; a list gives several."""
    expressions = [re.compile(one) for one in patterns]
    for name, value in settings.items():
        if any(one.search(name) for one in expressions):
            for url in _URL.findall(value)[:ADDRESSES]:
                yield name, url


def follow(setting: str, url: str, caller: Caller, around: Surroundings) -> Link:
    """Where an address leads from the caller's place, as far as this node can tell without asking."""
    host, port = split_host(url)
    link = {"setting": setting, "url": url, "host": host, "port": port}
    if host in LOOPBACK and caller.apart:
        if caller.listening is None:
            return _link(link)
        if port in caller.listening:
            return _link(link, reach="yes")
        return _link(link, target=around.places.get(port, ""), reach="no", why="own-loopback")
    box = _container_of(host, around.containers)
    if box is not None:
        return _to_container(link, box, around)
    if host in LOOPBACK | ALIASES | {around.name.lower()} or host in around.addresses:
        return _to_node(link, caller.apart or host not in LOOPBACK, around)
    return _link(link, why="elsewhere")


def split_host(url: str) -> tuple[str, int]:
    """Host in lower case and port of an address with or without scheme; ("", 0) for one that cannot be read."""
    if "://" not in url:
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        return "", 0


def parse_own_addresses(text: str) -> frozenset[str]:
    """The node's own IPv4 addresses, from /proc/net/fib_trie."""
    return frozenset(_LOCAL.findall(text))


def _link(parts: Mapping[str, object], *, target: str = "", reach: Reach = "unknown", why: str = "") -> Link:
    port = parts["port"]
    assert isinstance(port, int)
    return Link(
        setting=str(parts["setting"]),
        url=str(parts["url"]),
        host=str(parts["host"]),
        port=port,
        target=target,
        reach=reach,
        why=why,
    )


def _container_of(host: str, containers: Sequence[Row]) -> Row | None:
    """The container that a name or address means: its own name, the name that compose makes of it, its address."""
    for row in containers:
        name = text_of(row, "name")
        if host in (name, *texts_of(row.get("addresses"))) or re.fullmatch(rf".+[-_]{re.escape(host)}[-_]\d+", name):
            return row
    return None


def _to_container(link: Mapping[str, object], box: Row, around: Surroundings) -> Link:
    outer = [
        int(find_number(one.get("port")) or 0)
        for one in rows_of(box.get("ports"))
        if find_number(one.get("inner_port")) == link["port"]
    ]
    target = next((around.places[port] for port in outer if port in around.places), "")
    if text_of(box, "state") != "running":
        return _link(link, target=target, reach="no", why="container-stopped")
    return _link(link, target=target, why="")


def _to_node(link: Mapping[str, object], from_outside: bool, around: Surroundings) -> Link:
    """To the node itself; what listens on loopback only is not reached through another address."""
    port = link["port"]
    assert isinstance(port, int)
    target = around.places.get(port, "")
    if around.sockets is None:
        return _link(link, target=target)
    heard = [text_of(row, "address") for row in around.sockets if find_number(row.get("port")) == port]
    if not heard:
        return _link(link, target=target, reach="no", why="nothing-listens")
    if from_outside and all(one.startswith("127.") or one == "::1" for one in heard):
        return _link(link, target=target, reach="no", why="loopback-only")
    return _link(link, target=target, reach="yes")
