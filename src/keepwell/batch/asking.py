"""Asks one target: connections that are kept, a request for each task, and how each try ended."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from urllib.parse import quote, urlsplit

from keepwell.batch.job import Target
from keepwell.core.errors import ConfigurationError
from keepwell.wire.heads import AnswerHead
from keepwell.wire.outbound import Outbound, Sink

#: Bytes of one answer: a batch of embeddings may be large; beyond it, something is wrong.
ANSWER_BYTES = 256 * 1024 * 1024
#: Seconds for a connection to come about.
CONNECT_SECONDS = 10.0
#: A connection that was kept and ends within so many seconds of a request had ended before it.
STALE_SECONDS = 0.25
#: Heads of requests that are remembered: one for each path that a job asks.
HEADS = 64
#: Variables of a program that `keepwell jobs` runs: its mark, and which device it has now.
JOB_VARIABLE, DEVICE_VARIABLE = "KEEPWELL_JOB", "KEEPWELL_DEVICE"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a try ended. `failure` is "" where an answer came; "connect": nothing was sent; "cut": the connection ended
    before the answer did; "timeout"; "too_large".
    """

    failure: str = ""
    why: str = ""
    head: AnswerHead | None = None
    body: bytes = b""
    seconds: float = 0.0


class Ask:
    """One try. `begun` is the instant (monotonic) at which it was handed over; `sent`: an engine may have got it."""

    __slots__ = (
        "_asker",
        "_connection",
        "_parts",
        "_size",
        "_stale_until",
        "_tell",
        "begun",
        "over",
        "raw",
        "request",
        "sent",
    )

    def __init__(self, asker: Asker, request: bytes, tell: Callable[[Ask, Ended], None]) -> None:
        self.request = request
        self.begun = monotonic()
        self.over = self.raw = self.sent = False
        self._asker = asker
        self._tell = tell
        self._connection: Outbound | None = None
        self._stale_until = 0.0
        self._parts: list[bytes] = []
        self._size = 0

    def send(self, connection: Outbound) -> None:
        """Ask over this connection."""
        self._connection, self.sent = connection, True
        if connection.asked:
            self._stale_until = monotonic() + STALE_SECONDS
        connection.ask(self, self.request)

    def end(self, ended: Ended) -> None:
        """It is over, and its owner is told; nothing happens if it was."""
        if not self.over:
            self.over = True
            self._tell(self, ended)

    def give_up(self, failure: str, why: str) -> None:
        """Nobody waits for it any more."""
        if self._connection is not None and not self.over:
            self._connection.let_go()
        self._fail(failure, why)

    def head(self, answer: Outbound) -> Sink | None:
        """All of the answer at once, please."""
        return None

    def grew(self, answer: Outbound) -> Sink:
        """It is a large one: it is collected here."""
        return self

    def take(self, data: bytes) -> None:
        """Part of a large answer."""
        self._size += len(data)
        if self._size > ANSWER_BYTES:
            self.give_up("too_large", f"an answer of more than {ANSWER_BYTES} bytes")
        else:
            self._parts.append(data)

    def whole(self, answer: Outbound, body: bytes) -> None:
        """The answer."""
        self._asker.put_back(answer)
        self.end(Ended(head=answer.head, body=body, seconds=monotonic() - self.begun))

    def finished(self, answer: Outbound) -> None:
        """A large answer is whole."""
        if not self.over:
            self.whole(answer, b"".join(self._parts))

    def broke(self, why: str) -> None:
        """The connection ended. One that had waited too long for a request is replaced, and nothing is said of it."""
        connection = self._connection
        if connection is not None and not connection.heard_at and monotonic() < self._stale_until:
            self._stale_until = 0.0
            self._asker.ask_fresh(self)
        else:
            self._fail("cut", why)

    def _fail(self, failure: str, why: str) -> None:
        self.end(Ended(failure=failure, why=why, seconds=monotonic() - self.begun))


class Asker:
    """One target. Tries are told of as they end, never while they are handed over."""

    def __init__(self, target: Target) -> None:
        """Raises ConfigurationError for an address that is none."""
        self.target = target
        found = urlsplit(target.url)
        try:
            self._host, self._port = found.hostname or "", found.port or _PORTS[found.scheme]
        except (KeyError, ValueError) as error:
            raise ConfigurationError("not an address of an engine", where=target.url, hint=_EXAMPLE) from error
        if not self._host or found.query or found.fragment:
            raise ConfigurationError("not an address of an engine", where=target.url, hint=_EXAMPLE)
        self._tls = {"https": _make_tls}.get(found.scheme, _no_tls)()
        self._prefix = found.path.rstrip("/")
        self._lines = self._render_lines(found.netloc.rpartition("@")[2])
        self._heads: dict[tuple[str, str], bytes] = {}
        self._idle: list[Outbound] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False

    def ask(self, method: str, path: str, body: bytes, tell: Callable[[Ask, Ended], None]) -> Ask:
        """Send a request; `tell` is called once, when it ended."""
        head = self._heads.get((method, path)) or self._make_head(method, path)
        made = Ask(self, b"%b%d\r\n\r\n%b" % (head, len(body), body), tell)
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                made.send(connection)
                return made
        self.ask_fresh(made)
        return made

    def ask_fresh(self, ask: Ask) -> None:
        """Send it over a new connection."""
        task = asyncio.get_running_loop().create_task(self._open(ask))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def put_back(self, connection: Outbound) -> None:
        """Its answer is whole: keep it for the next request, if it can carry one."""
        if self._closed or connection.closed or not connection.reusable:
            connection.let_go()
        else:
            self._idle.append(connection)

    async def answers(self) -> bool:
        """True if it takes a connection now."""
        try:
            connection = await self._connect()
        except (OSError, TimeoutError):
            return False
        connection.reusable = True
        self.put_back(connection)
        return True

    def close(self) -> None:
        """Let go of all connections that wait."""
        self._closed = True
        for task in self._opening:
            task.cancel()
        while self._idle:
            self._idle.pop().let_go()

    async def _open(self, ask: Ask) -> None:
        try:
            connection = await self._connect()
        except (OSError, TimeoutError) as error:
            ask.give_up({True: "cut", False: "connect"}[ask.sent], str(error) or "no connection in time")
            return
        if ask.over:
            connection.reusable = True
            self.put_back(connection)
        elif connection.closed:  # between the connection and this turn of the loop: nobody would be told of it later
            ask.give_up({True: "cut", False: "connect"}[ask.sent], "the connection ended at once")
        else:
            ask.send(connection)

    async def _connect(self) -> Outbound:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, made = await loop.create_connection(Outbound, self._host, self._port, ssl=self._tls)
        return made

    def _make_head(self, method: str, path: str) -> bytes:
        where = quote(f"{self._prefix}{path}", safe="/?&=:%+,;@-._~")
        made = f"{quote(method)} {where} HTTP/1.1\r\n".encode() + self._lines
        if len(self._heads) < HEADS:
            self._heads[method, path] = made
        return made

    def _render_lines(self, host: str) -> bytes:
        lines = {
            "host": host,
            "user-agent": "keepwell-batch",
            "accept": "application/json",
            "content-type": "application/json",
            "x-keepwell-priority": "batch",
        }
        if os.environ.get(DEVICE_VARIABLE):  # a job that has the device asks in its own time
            lines["x-keepwell-turn"] = os.environ.get(JOB_VARIABLE, "")
        if self.target.api_key:
            lines["authorization"] = f"Bearer {self.target.api_key}"
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        if told.count("\n") != len(lines):
            raise ConfigurationError("the key or address has a line break in it", where=host)
        return told.encode() + b"content-length: "


_EXAMPLE = "such as http://127.0.0.1:11434"


def _make_tls() -> ssl.SSLContext | None:
    return ssl.create_default_context()


def _no_tls() -> ssl.SSLContext | None:
    return None
