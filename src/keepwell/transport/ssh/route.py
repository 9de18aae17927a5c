"""Which machines to log in to, one through the other, to reach a node over SSH."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from keepwell.core.errors import ConfigurationError

#: Jump hosts one behind the other; more is a circle that goes by other names.
JUMPS = 4
#: The usual port of SSH.
PORT = 22


class Entry(Protocol):
    """What is declared of a node in keepwell.toml, as far as SSH needs it (`config.NodeEntry` has all of it)."""

    @property
    def name(self) -> str:
        """Its label."""
        ...

    @property
    def address(self) -> str:
        """Its address."""
        ...

    @property
    def port(self) -> int:
        """Its port, 0 for the usual one."""
        ...

    @property
    def user(self) -> str:
        """Who logs in, "" for whom ~/.ssh/config says, or this user's name."""
        ...

    @property
    def key(self) -> str:
        """The path of a private key, "" for those of the agent and the usual files."""
        ...

    @property
    def known_hosts(self) -> str:
        """The path of a file of host keys, "" for the usual ones."""
        ...

    @property
    def jump(self) -> str:
        """Another node's name, or user@host:port, or ""."""
        ...

    @property
    def sudo(self) -> bool:
        """True to look as root through sudo."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One machine to log in to. Fields as in Entry."""

    name: str
    address: str
    port: int = 0
    user: str = ""
    key: str = ""
    known_hosts: str = ""
    sudo: bool = False
    jump: str = ""


def find_route(node: Entry, nodes: Mapping[str, Entry]) -> tuple[Host, ...]:
    """The machines to log in to, one through the other; the last is the one wanted. Raises ConfigurationError."""
    route = [_host(node)]
    while jump := route[0].jump:
        if len(route) > JUMPS:
            names = " through ".join(one.name for one in reversed(route))
            raise ConfigurationError(f"more than {JUMPS} jump hosts, or a circle: {names}", where=f"node {node.name}")
        known = nodes.get(jump)
        if known is not None:
            route.insert(0, _host(known))
        else:
            route.insert(0, parse_jump(jump, route[0]))
    return tuple(route)


def parse_jump(text: str, behind: Host) -> Host:
    """The node that `user@host:port` means (user and port may be left out); key and known hosts as for the one
    behind it. Raises ConfigurationError.
    """
    user, _, place = text.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = place, str(PORT)
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ConfigurationError(
            f"{text!r} is no jump host", where=f"node {behind.name}", hint="name a node, or write user@host:port"
        )
    return Host(name=text, address=host, user=user, port=int(port), key=behind.key, known_hosts=behind.known_hosts)


def _host(entry: Entry) -> Host:
    return Host(
        name=entry.name,
        address=entry.address or entry.name,
        port=entry.port,
        user=entry.user,
        key=entry.key,
        known_hosts=entry.known_hosts,
        sudo=entry.sudo,
        jump=entry.jump,
    )
