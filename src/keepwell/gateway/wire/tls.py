"""HTTPS by two files, the listening side. A changed file counts for the next connection; those that are there go on.

Connections are accepted here and not by the event loop, so that one look at the first byte tells a client that speaks
plain HTTP from one that begins a handshake: it is told what to do instead of being cut off.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from keepwell.core.errors import ConfigurationError
from keepwell.wire.heads import render_head

#: How a handshake begins (RFC 8446, 5.1: content type 22).
HANDSHAKE = 0x16
#: Seconds for the first byte, and for the handshake: a phone on a bad line needs a few.
FIRST_SECONDS, HANDSHAKE_SECONDS = 10.0, 15.0
#: Connections that may be between being accepted and their handshake's end, together.
BEGINNING = 4096
#: Seconds to wait where no further connection can be opened (EMFILE).
FULL_SECONDS = 0.1
_PLAIN = b'{"error":{"message":"this port speaks HTTPS: write https:// instead of http://","code":400}}'


@cache
def get_trust(tls: bool) -> ssl.SSLContext | None:
    """How an engine's certificate is judged: by what this system trusts (SSL_CERT_FILE may name it); None for HTTP."""
    if not tls:
        return None
    return ssl.create_default_context()


class Certificate:
    """The context of all connections; `read` again replaces the certificate in it."""

    def __init__(self, certificate: Path, private_key: Path) -> None:
        self._files = (certificate, private_key)
        self._stamps = self._look()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.read()

    def read(self) -> None:
        """Load both files. Raises ConfigurationError, and then everything is as it was."""
        certificate, private_key = self._files
        try:
            trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trial.load_cert_chain(certificate, private_key, password=_no_password)
            self.context.load_cert_chain(certificate, private_key, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"no certificate with its key: {why}",
                where=f"{certificate}, {private_key}",
                hint="both are PEM files, the key without a password, and belong together",
            ) from error

    def follow(self) -> None:
        """Load them again if one has changed. Raises ConfigurationError, once for each change."""
        found = self._look()
        if found != self._stamps:
            self._stamps = found
            self.read()

    def _look(self) -> tuple[tuple[int, int], ...]:
        return tuple(_stamp(one) for one in self._files)


class TlsServer:
    """Accepts on a listening socket; `make` gives the protocol of one more client."""

    def __init__(
        self, listening: socket.socket, certificate: Certificate, make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._listening = listening
        self._certificate = certificate
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._accepting = self._loop.create_task(self._accept())

    def close(self) -> None:
        """Accept no more; whoever has not ended its handshake is let go."""
        self._accepting.cancel()
        for task in self._beginning:
            task.cancel()

    async def _accept(self) -> None:
        try:
            await self._accept_all()
        finally:
            self._listening.close()

    async def _accept_all(self) -> None:
        while True:
            try:
                client, _ = await self._loop.sock_accept(self._listening)
            except OSError:
                await asyncio.sleep(FULL_SECONDS)
                continue
            if len(self._beginning) >= BEGINNING:
                client.close()
                continue
            task = self._loop.create_task(self._begin(client))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, client: socket.socket) -> None:
        try:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(FIRST_SECONDS):
                first = await self._peek(client)
            if first and first[0] == HANDSHAKE:
                await self._loop.connect_accepted_socket(
                    self._make,
                    client,
                    ssl=self._certificate.context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    ssl_shutdown_timeout=HANDSHAKE_SECONDS,
                )
                return
            if first:
                await self._tell_plain(client)
            client.close()
        except (OSError, TimeoutError):  # also what ssl raises: it is the client's handshake that failed
            client.close()
        except asyncio.CancelledError:
            client.close()
            raise

    async def _peek(self, client: socket.socket) -> bytes:
        """The first byte, left where it is; b"" where the client has gone."""
        readable = self._loop.create_future()
        self._loop.add_reader(client, _set, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(client)
        return client.recv(1, socket.MSG_PEEK)

    async def _tell_plain(self, client: socket.socket) -> None:
        head = render_head(400, b"content-type: application/json\r\n", length=len(_PLAIN), close=True)
        await self._loop.sock_sendall(client, head + _PLAIN)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
            client.recv(65536)  # what was sent is read, so that closing resets nothing that is under way


def _set(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


def _no_password() -> bytes:
    raise ValueError("the key has a password")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
