"""The client's side of a connection: one request at a time is worked on, and its answer written.

Requests that come before the last is answered (pipelining) wait. One watcher from accept to last byte:
`connection_lost` ends whatever is being done for the client. It is told as long as the connection is read, so reading
stops only where more waits than any client sends ahead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol, cast

from keepwell.gateway.wire.request import Passing, Request, RequestReader

#: Requests of one connection that wait for the one before them, and bytes of their bodies.
PIPELINED, PIPELINED_BYTES = 64, 1024 * 1024
#: Bytes for a client that reads slowly; then the engine's connection is no longer read.
WRITE_BYTES = 256 * 1024
#: Seconds for a client to read its last answer, while it may still send.
LINGER_SECONDS = 2.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Work(Protocol):
    """What is being done for one request."""

    def client_gone(self) -> None:
        """Nobody waits for it any more."""
        ...

    def hold(self) -> None:
        """The client reads too slowly."""
        ...

    def go_on(self) -> None:
        """The client has read."""
        ...


class PassingWork(Work, Passing, Protocol):
    """What is being done for a request whose body goes on as it comes."""


class Owner(Protocol):
    """Who takes the requests."""

    max_body_bytes: int
    #: True when another process has taken over: each connection is to end after its next answer.
    finishing: bool

    def opened(self, client: Inbound) -> None:
        """A client connected."""
        ...

    def closed(self, client: Inbound) -> None:
        """It is gone."""
        ...

    def take(self, client: Inbound, request: Request) -> Work | None:
        """Work on it; None when it is answered already."""
        ...

    def pass_on(self, client: Inbound, request: Request) -> PassingWork | None:
        """Who takes a large body as it comes; None where it is answered already, or is to be read whole."""
        ...

    def refuse_malformed(self, client: Inbound, status: int, message: str) -> None:
        """What came is no request; answer, and the connection is closed."""
        ...


class Inbound(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, owner: Owner, now: _Now) -> None:
        self._owner = owner
        self._now = now
        self._reader = RequestReader(self, owner.max_body_bytes)
        self._waiting: deque[Request] = deque()
        self._work: Work | None = None
        self._busy = False
        self._broken = False
        self._stopped = False
        self._serving = False
        self._expects = False
        #: True if anything is to be done when the request in work is answered.
        self._later = False
        self._fault: tuple[int, str] | None = None
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not of the class
        self.transport.set_write_buffer_limits(high=WRITE_BYTES)
        self.idle_since = self._now()
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: so is everybody's interest in what is done for it."""
        self._break()
        self._waiting.clear()
        work, self._work = self._work, None
        if work is not None:
            work.client_gone()
        self._owner.closed(self)

    def eof_received(self) -> bool:
        """A client that half-closes has left: an answer to nobody costs an engine's time."""
        return False

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        if self._work is not None:
            self._work.hold()

    def resume_writing(self) -> None:
        """The client has read."""
        if self._work is not None:
            self._work.go_on()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        if self._broken:
            return
        now = self._now()
        reader = self._reader
        if not self._busy and not reader.since:
            request = reader.read_whole(data, now)
            if request is not None:
                self._take(request)
                return
        reader.feed(data, now)

    # The reader's calls.

    def came(self, request: Request) -> None:
        """A request is whole: it is worked on, or waits."""
        self._expects = False
        if not self._busy:
            self._take(request)
            return
        self._waiting.append(request)
        self._later = True
        if not self._stopped and self._is_full():
            self._stopped = True
            self.transport.pause_reading()

    def passing(self, request: Request) -> Passing | None:
        """A large body comes; who came before is answered first."""
        if self._busy or self._waiting:
            return None
        self._busy = True
        if self._owner.finishing:
            request.close = True
        work = self._owner.pass_on(self, request)
        if work is None:
            self._busy = False
            return None
        self._work = work
        if b"expect" in request.named:
            self.transport.write(CONTINUE)
        return work

    def _is_full(self) -> bool:
        waiting = self._waiting
        return len(waiting) >= PIPELINED or sum(len(one.body) for one in waiting) > PIPELINED_BYTES

    def expecting(self) -> None:
        """Somebody waits for leave to send its body."""
        self._expects = self._later = True
        self._tell_expecting()

    def malformed(self, status: int, message: str) -> None:
        """Nothing more is read; requests that came before are answered first."""
        self._break()
        self._fault, self._later = (status, message), True
        if not self._busy and not self._waiting:
            self._refuse(status, message)

    # The answers.

    def done(self, *, close: bool) -> None:
        """The answer to the request in work is written."""
        self._work = None
        self._busy = False
        now = self.idle_since = self._now()
        if self._reader.since:
            self._reader.since = now
        if close:
            self._break()
            self._leave()
            return
        if self._later and not self._serving:
            self._serve_waiting()

    def _serve_waiting(self) -> None:
        """What came meanwhile, one after the other; then what could not be understood is told."""
        self._serving = True
        while self._waiting and not self._busy:
            self._take(self._waiting.popleft())
        self._serving = False
        if self._busy or self.transport.is_closing():
            return
        self._later = False
        if self._stopped:
            self._stopped = False
            self.transport.resume_reading()
        self._tell_expecting()
        if self._fault is not None:
            self._refuse(*self._fault)

    def _tell_expecting(self) -> None:
        """Somebody waits for leave to send its body."""
        if self._expects and not self._busy and not self._waiting:
            self._expects = False
            self.transport.write(CONTINUE)

    def drop(self) -> None:
        """Cut the connection: what was written cannot be ended properly."""
        self._break()
        self._work = None
        self.transport.abort()

    def expire(self) -> None:
        """It took too long to send its request, or has sent none for too long."""
        if self._reader.since and not self._broken:
            self.malformed(408, "the request did not come within its time")
        else:
            self.transport.close()

    @property
    def reading_since(self) -> float:
        """When the request that is being read began, 0 between requests."""
        return self._reader.since

    @property
    def read_bytes(self) -> int:
        """Of the body that is being read."""
        return self._reader.size

    @property
    def busy(self) -> bool:
        """True while something is done for it."""
        return self._busy

    def _take(self, request: Request) -> None:
        self._busy = True
        if self._owner.finishing:
            request.close = True
        work = self._owner.take(self, request)
        if self._busy:
            self._work = work

    def _break(self) -> None:
        self._broken = True
        self._reader.stop()

    def _refuse(self, status: int, message: str) -> None:
        self._owner.refuse_malformed(self, status, message)
        self._leave()

    def _leave(self) -> None:
        """Close, but not before the client could read its answer: what it still sends is read, and is nobody's.

        Closing at once would reset the connection if anything is unread, and the answer would be lost on its way.
        """
        if self.transport.can_write_eof():
            with suppress(OSError):  # it has gone, and that will be told soon
                self.transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()


class _Now(Protocol):
    def __call__(self) -> float: ...
