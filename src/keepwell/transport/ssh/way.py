"""Another node over SSH, without anything of keepwell there: `open_ssh` gives its Hands.

The SSH library is loaded at the first use (0.4 s). What is trusted: keys in known_hosts, and nothing else; who
logs in: keys of an agent or of a file, never a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keepwell.transport.far.client import FarTransport
from keepwell.transport.ssh.route import Entry, find_route

if TYPE_CHECKING:
    from keepwell.transport.ssh.connections import Connections
    from keepwell.transport.ssh.line import Dialler


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
    node: Entry,
    *,
    nodes: Mapping[str, Entry] | None = None,
    changes: bool = False,
    connections: Connections | None = None,
) -> SshTransport:
    """Log in to a node and start the far end there; with `changes` it also writes, else it refuses to.

    `nodes` are those that `jump` may name. `connections` is shared by transports that are open together, so that
    one connection serves a jump host and all nodes behind it. Costs one connection (about 0.1 s on a LAN).

    Raises NotPermitted (unknown or changed host key, refused login, sudo that asks for a password), TimedOut,
    Unreachable, NotThere (no Python there), each with what to do next; ConfigurationError for an impossible jump.
    """
    from keepwell.transport.ssh.connections import Connections
    from keepwell.transport.ssh.line import Dialler

    route = find_route(node, nodes or {})
    transport = SshTransport(node.name, Dialler(route, connections or Connections(), changes=changes))
    try:
        await transport.open()
    except BaseException:
        await transport.close()
        raise
    return transport
