"""Another node over SSH, without anything of keepwell there: `open_ssh` gives its Hands.

The SSH library is loaded at the first use (0.4 s). What is trusted: keys in known_hosts, and nothing else; who
logs in: keys of an agent or of a file, never a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keepwell.config.model import NodeEntry
from keepwell.core.errors import ConfigurationError
from keepwell.transport.far import FarTransport

if TYPE_CHECKING:
    from keepwell.transport.ssh_connections import Connections
    from keepwell.transport.ssh_line import Dialler

#: Jump hosts one behind the other; more is a circle that goes by other names.
JUMPS = 4
#: The usual port of SSH.
PORT = 22


class SshTransport(FarTransport):
    """A node over SSH. `close` also lets go of the connection, if nobody else uses it."""

    def __init__(self, name: str, dialler: Dialler) -> None:
        super().__init__(name, dialler.dial)
        self._dialler = dialler

    async def close(self) -> None:
        """Let go of the line and the connection; the far end kills what it started and ends. Safe to call twice."""
        await super().close()
        await self._dialler.rest()


async def open_ssh(
    node: NodeEntry,
    *,
    nodes: Mapping[str, NodeEntry] | None = None,
    changes: bool = False,
    connections: Connections | None = None,
) -> SshTransport:
    """Log in to a node and start the far end there; with `changes` it also writes, else it refuses to.

    `nodes` are those that `jump` may name. `connections` is shared by transports that are open together, so that
    one connection serves a jump host and all nodes behind it. Costs one connection (about 0.1 s on a LAN).

    Raises NotPermitted (unknown or changed host key, refused login, sudo that asks for a password), TimedOut,
    Unreachable, NotThere (no Python there), each with what to do next; ConfigurationError for an impossible jump.
    """
    from keepwell.transport.ssh_connections import Connections
    from keepwell.transport.ssh_line import Dialler

    route = find_route(node, nodes or {})
    transport = SshTransport(node.name, Dialler(route, connections or Connections(), changes=changes))
    try:
        await transport.open()
    except BaseException:
        await transport.close()
        raise
    return transport


def find_route(node: NodeEntry, nodes: Mapping[str, NodeEntry]) -> tuple[NodeEntry, ...]:
    """The nodes to log in to, one through the other; the last is the one wanted. Raises ConfigurationError."""
    route = [node]
    while jump := route[0].jump:
        if len(route) > JUMPS:
            names = " through ".join(one.name for one in reversed(route))
            raise ConfigurationError(f"more than {JUMPS} jump hosts, or a circle: {names}", where=f"node {node.name}")
        route.insert(0, nodes.get(jump) or parse_jump(jump, route[0]))
    return tuple(route)


def parse_jump(text: str, behind: NodeEntry) -> NodeEntry:
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
    return NodeEntry(name=text, address=host, user=user, port=int(port), key=behind.key, known_hosts=behind.known_hosts)
