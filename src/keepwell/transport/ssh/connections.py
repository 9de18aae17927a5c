"""SSH connections, one to each node and login, shared and opened through one another."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncssh

from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut, Unreachable
from keepwell.transport.failures import access_error
from keepwell.transport.ssh.route import Host
from keepwell.transport.ssh.trust import ShownKey, explain_host_key, load_known_hosts

#: Seconds for the TCP connection (a packet may be lost twice), and for key exchange and login (a server that looks
#: up names, a small processor).
CONNECT_SECONDS = 7.0
LOGIN_SECONDS = 10.0
#: Seconds between questions whether the other side still lives, and how many may stay unanswered.
KEEPALIVE_SECONDS = 5.0
KEEPALIVE_COUNT = 3
#: Seconds for a connection to say good-bye.
CLOSE_SECONDS = 1.0
#: Ciphers in the order of their cost; the first two are computed by the processor itself or need no help from it.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
#: Bytes that the other side may send ahead, so that a distant node need not wait for us.
WINDOW_BYTES = 4 * 1024 * 1024

#: Whoever asked is told of errors; its warnings would stand between the lines of a report.
asyncssh.set_log_level("ERROR")

_REFUSED = (
    "keepwell asks for no password. Log in with a key: `ssh-copy-id {login}` puts yours there, `ssh-add` unlocks it, "
    "`key = ...` in keepwell.toml names another"
)


class Connections:
    """Opens connections, keeps them while somebody uses them, and gives the same one to everybody."""

    def __init__(self, connect_seconds: float = CONNECT_SECONDS) -> None:
        self._connect_seconds = connect_seconds
        self._open: dict[tuple[Host, ...], asyncio.Task[asyncssh.SSHClientConnection]] = {}
        self._users: dict[tuple[Host, ...], int] = {}

    @property
    def in_use(self) -> int:
        """Connections that somebody uses."""
        return len(self._users)

    async def take(self, route: tuple[Host, ...]) -> asyncssh.SSHClientConnection:
        """A connection to the last node of a route, through the ones before; `leave` it when done."""
        self._users[route] = self._users.get(route, 0) + 1
        try:
            return await self._get(route)
        except BaseException:
            await self.leave(route)
            raise

    async def leave(self, route: tuple[Host, ...]) -> None:
        """One user fewer; the last one closes the connection."""
        self._users[route] = self._users.get(route, 1) - 1
        if self._users[route] > 0:
            return
        del self._users[route]
        opened = self._open.pop(route, None)
        if opened is None:
            return
        if not opened.done():
            opened.cancel()
            await asyncio.wait([opened])
        if _succeeded(opened):
            await _close(opened.result())
            if len(route) > 1:
                await self.leave(route[:-1])

    async def _get(self, route: tuple[Host, ...]) -> asyncssh.SSHClientConnection:
        opened = self._open.get(route)
        if opened is None or (opened.done() and not _usable(opened)):
            had_tunnel = len(route) > 1 and opened is not None and _succeeded(opened)
            opened = asyncio.create_task(self._connect(route, had_tunnel))
            opened.add_done_callback(_succeeded)
            self._open[route] = opened
        return await asyncio.shield(opened)

    async def _connect(self, route: tuple[Host, ...], had_tunnel: bool) -> asyncssh.SSHClientConnection:
        """A new connection; one that was lost still counts as a user of its tunnel, for which this one stands in."""
        through = route[:-1]
        if not through:
            return await connect(route[-1], None, self._connect_seconds)
        tunnel = await self.take(through)
        if had_tunnel:
            await self.leave(through)
        try:
            return await connect(route[-1], tunnel, self._connect_seconds)
        except BaseException:
            await self.leave(through)
            raise


async def connect(
    node: Host, tunnel: asyncssh.SSHClientConnection | None, connect_seconds: float = CONNECT_SECONDS
) -> asyncssh.SSHClientConnection:
    """Log in. Raises AccessErrors with what to do next."""
    host = ShownKey(node)
    known = load_known_hosts(node)
    command = shown_login(node)
    try:
        async with asyncio.timeout(connect_seconds + LOGIN_SECONDS):
            connection, _ = await asyncssh.create_connection(
                host.client,
                node.address,
                known_hosts=known,
                tunnel=tunnel or (),
                encryption_algs=CIPHERS,
                compression_algs=["none"],
                preferred_auth=["publickey"],
                password=None,
                kbdint_auth=False,
                agent_forwarding=False,
                gss_host=None,
                x509_trusted_certs=None,
                connect_timeout=connect_seconds,
                login_timeout=LOGIN_SECONDS,
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=KEEPALIVE_COUNT,
                **_chosen(node),
            )
    except asyncssh.HostKeyNotVerifiable as error:
        raise explain_host_key(host, known, str(error), command) from None
    except asyncssh.PermissionDenied as error:
        raise NotPermitted(
            f"the login was refused ({error.reason})", command=command, hint=_REFUSED.format(login=_login(node))
        ) from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise _explain_key(node, error, command) from None
    except TimeoutError:
        raise TimedOut(
            "no connection or login in time", command=command, hint="is the node up, and its firewall open?"
        ) from None
    except OSError as error:
        raise _explain_system(node, error, command) from None
    except (asyncssh.Error, ValueError) as error:
        raise _explain_other(error, command) from None
    return connection


def shown_login(node: Host) -> str:
    """The command line that logs in to a node by hand."""
    parts = ["ssh"]
    if node.port:
        parts += ["-p", str(node.port)]
    if node.key:
        parts += ["-i", node.key]
    if node.jump:
        parts += ["-J", node.jump]
    return " ".join([*parts, _login(node)])


def _login(node: Host) -> str:
    return "@".join(filter(None, [node.user, node.address]))


def _chosen(node: Host) -> dict[str, Any]:
    """What the owner chose for this node; what is left open is for ~/.ssh/config and the library to say."""
    chosen: dict[str, Any] = {}
    if node.port:
        chosen["port"] = node.port
    if node.user:
        chosen["username"] = node.user
    if node.key:
        chosen["client_keys"] = [os.path.expanduser(node.key)]
        chosen["agent_path"] = None  # a server counts the agent's other keys as failures, and hangs up at six
    return chosen


def _usable(opened: asyncio.Task[asyncssh.SSHClientConnection]) -> bool:
    return _succeeded(opened) and not opened.result().is_closed()


def _succeeded(opened: asyncio.Task[asyncssh.SSHClientConnection]) -> bool:
    """True if it is open or was. Looking at its error is what tells asyncio that nobody forgot it."""
    return not opened.cancelled() and opened.exception() is None


#: What to look at when the way to the node's SSH server is closed.
NEXT_STEPS = {
    errno.ECONNREFUSED: "is an SSH server running there, and on this port? On the node: systemctl status ssh",
    errno.EHOSTUNREACH: "is the machine on, and is the address right? There is no way to it from here",
    errno.ENETUNREACH: "is the address right? There is no way to its network from here",
    socket.EAI_NONAME: "the name leads nowhere from here: give an IP address",
}


async def _close(connection: asyncssh.SSHClientConnection) -> None:
    for end in (connection.close, connection.abort):
        end()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.wait_closed()
        if connection.is_closed():
            return


def _explain_key(node: Host, error: Exception, command: str) -> AccessError:
    hint = f"is it locked by a passphrase? `ssh-add {node.key}` unlocks it for the agent, then leave `key` out"
    return NotPermitted(f"the key file cannot be used ({error})", where=node.key, command=command, hint=hint)


def _explain_system(node: Host, error: OSError, command: str) -> AccessError:
    if node.key and error.filename and Path(str(error.filename)) == Path(os.path.expanduser(node.key)):
        return NotThere(f"the key file cannot be read ({error.strerror})", where=node.key, command=command)
    found = access_error(error, command=command, otherwise=Unreachable)
    found.hint = NEXT_STEPS.get(error.errno or 0, f"try by hand: {command}")
    return found


def _explain_other(error: Exception, command: str) -> AccessError:
    if isinstance(error, asyncssh.ConnectionLost):
        return Unreachable(f"the connection was closed before the login ({error.reason})", command=command)
    if "timeout" in str(error).lower():
        return TimedOut(f"no login within {LOGIN_SECONDS:g} s ({error})", command=command)
    return Unreachable(f"no login is possible ({error})", command=command, hint=f"try by hand: {command}")
