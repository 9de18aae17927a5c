"""The agent: a far end behind TLS and a token, for machines that nobody logs in to.

Whoever connects has so many seconds for the handshake and for one line with the token; nothing of a far end exists
before that. Wrong tokens are counted by address. All that a caller can make grow (connections, frames, silence) has
a limit.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.core.errors import AccessError, NotPermitted
from keepwell.core.text import escape_controls
from keepwell.transport.agent.limits import LookingFarEnd
from keepwell.transport.agent.words import LINE_BYTES, VERSION, Refused, parse_hello, render_refusal, render_welcome
from keepwell.transport.failures import access_error
from keepwell.transport.far.end import FarEnd

if TYPE_CHECKING:
    from keepwell.transport.far.job import Done, Job

#: Bytes of a call that is not whole yet: arguments of 1 MiB and a small file or request body.
FRAME_BYTES = 16 * 1024 * 1024
#: Connections that may wait to be accepted.
BACKLOG = 64
#: Bytes taken from a connection at once.
PIECE_BYTES = 64 * 1024
#: Seconds without a word after which a caller is taken for gone, at most; callers send a ping every few seconds.
SILENCE_SECONDS = 120.0
#: Seconds that an answer may wait for a caller who does not read.
SEND_SECONDS = 60.0
#: Wrong tokens from one address until it is not listened to for a while, and for how many seconds.
WRONG_TOKENS = 5
SHUT_SECONDS = 60.0
#: Addresses whose wrong tokens are remembered; beyond it the oldest is forgotten.
ADDRESSES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimits:
    """What callers may take up of an agent.

    `connections` at once, with and without a token shown: a few keepwells look at a node, each by one connection.
    Seconds for the TLS handshake, and then for the first line; seconds that the answer to a wrong token takes.
    """

    connections: int = 64
    handshake_seconds: float = 5.0
    greeting_seconds: float = 5.0
    wrong_seconds: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an agent shows and asks for: the files of its certificate and key, and the token."""

    certificate: Path
    key: Path
    token: str = field(repr=False)


class Guard:
    """Counts wrong tokens by address. `now` gives seconds that never go backwards."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._wrong: dict[str, list[float]] = {}

    def is_shut(self, address: str) -> bool:
        """True for an address that showed too many wrong tokens lately."""
        return len(self._lately(address)) >= WRONG_TOKENS

    def count(self, address: str) -> int:
        """One more wrong token; how many there were lately."""
        times = [*self._lately(address), self._now()][-WRONG_TOKENS:]
        self._wrong.pop(address, None)
        self._wrong[address] = times
        while len(self._wrong) > ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        return len(times)

    def _lately(self, address: str) -> list[float]:
        return [at for at in self._wrong.get(address, []) if self._now() - at < SHUT_SECONDS]


class AgentServer:
    """Serves one identity. `tell` gets a line for the log about who comes and is refused; a token is never in it.

    `calls` are what it does beside a far end's own, by name; they only look, and never wait.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        changes: bool,
        tell: Callable[[str], None],
        limits: AgentLimits = AgentLimits(),
        calls: Mapping[str, Callable[[Job], Done]] | None = None,
    ) -> None:
        self._calls = dict(calls or {})
        self._identity = identity
        self._limits = limits
        self._changes = changes
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self._guard = Guard(asyncio.get_running_loop().time)

    @asynccontextmanager
    async def listen(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve for as long as the block runs; gives the port. AccessErrors say why it cannot."""
        async with self.serve(open_listener(host, port)) as own:
            yield own

    @asynccontextmanager
    async def serve(self, listener: socket.socket) -> AsyncIterator[int]:
        """The same on a socket that listens already, which is closed afterwards."""
        context = make_context(self._identity)
        accepting = asyncio.create_task(self._accept(listener, context))
        try:
            yield int(listener.getsockname()[1])
        finally:
            accepting.cancel()
            for one in self._tasks:
                one.cancel()
            await asyncio.wait([accepting, *self._tasks])
            listener.close()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._tasks)

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        while True:
            line, address = await loop.sock_accept(listener)
            if len(self._tasks) >= self._limits.connections:
                line.close()
                continue
            task = asyncio.create_task(self._meet(line, str(address[0]), context))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _meet(self, line: socket.socket, address: str, context: ssl.SSLContext) -> None:
        """One connection, from its handshake to its end."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=PIECE_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                _Maker(protocol),
                line,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=1.0,
            )
        except (OSError, ssl.SSLError):
            line.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            if await self._greet(reader, writer, address):
                await self._serve(reader, writer)
        except (OSError, ssl.SSLError):
            pass  # the connection was cut; there is nobody to tell
        finally:
            transport.abort()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> bool:
        """Take the first line; True for the right token."""
        try:
            async with asyncio.timeout(self._limits.greeting_seconds):
                line = await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return False
        hello = parse_hello(line[:LINE_BYTES])
        if hello is None:
            return False
        if hello.version != VERSION:
            return await self._refuse(writer, "version")
        if self._guard.is_shut(address):
            return await self._refuse(writer, "busy")
        if not hmac.compare_digest(hello.words[0].encode(), self._identity.token.encode()):
            count = self._guard.count(address)
            if count in (1, WRONG_TOKENS):
                self._tell(f"refused {escape_controls(address)}: wrong token ({count})")
            await asyncio.sleep(self._limits.wrong_seconds)
            return await self._refuse(writer, "token")
        writer.write(render_welcome())
        return True

    async def _refuse(self, writer: asyncio.StreamWriter, why: Refused) -> bool:
        """Say no, and let it go out before the connection is cut."""
        writer.write(render_refusal(why))
        await writer.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                writer.close()
                await writer.wait_closed()
        return False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do what comes until the caller goes, is silent for too long, or sends what is no call."""
        loop = asyncio.get_running_loop()
        sender = _Sender(writer, loop)
        far = self._far_end(sender)
        heard = loop.time()
        try:
            while True:
                silence = heard + patience(far.silence_seconds) - loop.time()
                if silence <= 0:
                    return
                try:
                    async with asyncio.timeout(min(far.check(), silence)):
                        data = await reader.read(PIECE_BYTES)
                except TimeoutError:
                    continue
                if not data:
                    return
                heard = loop.time()
                far.receive(data)
                if len(far.kept) > FRAME_BYTES:
                    return
        except ValueError:
            return  # what came is no call
        finally:
            sender.close()
            far.end()

    def _far_end(self, sender: _Sender) -> FarEnd:
        far = self._make_far_end(sender)
        far.calls.update(self._calls)
        far.at_once.update(self._calls)
        return far

    def _make_far_end(self, sender: _Sender) -> FarEnd:
        if self._changes:
            return FarEnd(sender, changes=True)
        return LookingFarEnd(sender, self._identity.key.parent)


class _Maker:
    """Gives a protocol that is made already, as the event loop wants it."""

    def __init__(self, protocol: asyncio.StreamReaderProtocol) -> None:
        self._protocol = protocol

    def __call__(self) -> asyncio.StreamReaderProtocol:
        return self._protocol


class _Sender:
    """Sends answers from any thread. A worker's waits until the caller has taken enough of what was sent before."""

    def __init__(self, writer: asyncio.StreamWriter, loop: asyncio.AbstractEventLoop) -> None:
        self._writer = writer
        self._loop = loop
        self._own = threading.get_ident()
        self._closed = False

    def __call__(self, data: bytes) -> None:
        if self._closed:
            return
        if threading.get_ident() == self._own:
            self._writer.write(data)
            return
        waiting = asyncio.run_coroutine_threadsafe(self._send(data), self._loop)
        with suppress(CancelledError, TimeoutError, OSError):
            waiting.result(SEND_SECONDS)

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True

    async def _send(self, data: bytes) -> None:
        if not self._closed:
            self._writer.write(data)
            await self._writer.drain()


def patience(wished_seconds: float) -> float:
    """Seconds of silence until a caller is taken for gone: what it wished, if that is a number in reason."""
    if 0 < wished_seconds <= SILENCE_SECONDS:
        return wished_seconds
    return SILENCE_SECONDS


def make_context(identity: Identity) -> ssl.SSLContext:
    """TLS 1.3 with the identity's certificate; AccessError when its files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(identity.certificate, identity.key)
    except ssl.SSLError as error:
        raise AccessError(
            f"the certificate and key do not fit together ({error.reason})", where=str(identity.certificate)
        ) from error
    except OSError as error:
        raise access_error(error, where=str(identity.certificate)) from error
    return context


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket; AccessErrors name the address."""
    where = f"{host}:{port}"
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise AccessError(f"not an address to listen on ({error.strerror})", where=where) from error
    listener = socket.socket(rows[0][0], socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(rows[0][4])
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        found = access_error(error, where=where)
        hint = f"ss -ltnp 'sport = :{port}' shows who holds it; --port names another" * (
            not isinstance(found, NotPermitted)
        )
        raise type(found)(found.what, where=where, hint=hint) from error
    return listener
