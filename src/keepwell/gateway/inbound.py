"""The client's side of a connection: reads requests, one at a time is worked on, and writes what it is given.

Requests that come before the last is answered (pipelining) wait, and reading stops at `PIPELINED` of them. One watcher
from accept to last byte: `connection_lost` ends whatever is being done for the client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol, cast

import httptools

from keepwell.gateway.heads import HEAD_BYTES, Headers, HeadReader, RequestHead, is_old, read_request_head

#: Headers of one request.
HEADERS = 128
#: Requests of one connection that wait for the one before them.
PIPELINED = 4
#: Bytes for a client that reads slowly; then the engine's connection is no longer read.
WRITE_BYTES = 256 * 1024
#: Seconds for a client to read its last answer, while it may still send.
LINGER_SECONDS = 2.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request:
    """One request as it was read: its head, which it may share with others, and its body."""

    __slots__ = ("body", "close", "head", "received_at")

    def __init__(self, head: RequestHead, body: bytes = b"", received_at: float = 0.0) -> None:
        self.head = head
        self.body = body
        self.received_at = received_at
        #: The connection is to be closed after the answer.
        self.close = head.close

    @property
    def method(self) -> bytes:
        """As written."""
        return self.head.method

    @property
    def path(self) -> bytes:
        """The target, with its query."""
        return self.head.path

    @property
    def headers(self) -> Headers:
        """As written, with names in lower case."""
        return self.head.headers

    @property
    def named(self) -> Mapping[bytes, bytes]:
        """The last header of each name."""
        return self.head.named

    @property
    def old(self) -> bool:
        """True for a client that speaks HTTP/1.0."""
        return self.head.old


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

    def refuse_malformed(self, client: Inbound, status: int, message: str) -> None:
        """What came is no request; answer, and the connection is closed."""
        ...


class Inbound(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, owner: Owner, now: _Now) -> None:
        self._owner = owner
        self._now = now
        self._waiting: deque[Request] = deque()
        self._request: Request | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._url: bytes = b""
        self._parts: list[bytes] = []
        self._size = 0
        self._head = 0
        self._fed = 0
        self._work: Work | None = None
        self._busy = False
        self._broken = False
        self._read_at = 0.0
        self._reader = HeadReader(read_request_head)
        self._stopped = False
        #: The request that is being read began in the read that is looked at.
        self._begun_here = False
        self._serving = False
        self._expects = False
        #: True if anything is to be done when the request in work is answered.
        self._later = False
        self._fault: tuple[int, str] | None = None
        self._upgrading: RequestHead | None = None
        #: When the request that is being read began, 0 between requests.
        self.reading_since = 0.0
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not of the class
        self.transport.set_write_buffer_limits(high=WRITE_BYTES)
        self._parser = httptools.HttpRequestParser(self)
        self.idle_since = self._now()
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: so is everybody's interest in what is done for it."""
        self._broken = True
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
        self._read_at = self._now()
        if not self._busy and not self.reading_since and self._take_whole(data):
            return
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
            if self._request is None and self.reading_since:
                self._count_head(len(data))
            self._begun_here = False
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(data[int(upgrade.args[0]) :])
        except httptools.HttpParserError as error:
            if not self._broken:
                self._malformed(400, f"this is no well-formed HTTP request: {error}")

    def _go_on(self, rest: bytes) -> None:
        """A request that would change to another protocol is one of this protocol: read again without that wish."""
        head, self._upgrading = self._upgrading, None
        if head is not None and not self._broken:
            self._parser = httptools.HttpRequestParser(self)
            lines = [b"%b: %b\r\n" % one for one in head.headers if one[0] not in (b"upgrade", b"connection")]
            lines += [b"connection: close\r\n"] * head.close
            self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n" % (head.method, head.path, b"".join(lines)) + rest)

    def _take_whole(self, data: bytes) -> bool:
        """Most reads are one request and nothing else, with a head like one before: no parser is needed to see that."""
        reader = self._reader
        try:
            start = reader.read(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            return False
        if start < 0:
            return False
        head, length = reader.head, reader.length
        if len(data) - start != length or length > self._owner.max_body_bytes:
            return False
        if not head.plain or len(head.headers) > HEADERS:
            return False
        self._take(Request(head, data[start:], self._read_at))
        return True

    # The parser's calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self.reading_since = self._read_at
        self._headers, self._url, self._parts, self._size, self._head = [], b"", [], 0, 0
        self._begun_here = True

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; those after the body (trailers) are nobody's."""
        if self._request is None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        headers, self._headers = self._headers, []
        method, old = self._parser.get_method(), is_old(self._parser.get_http_version())
        head = RequestHead(method, self._url, headers, old=old, close=not self._parser.should_keep_alive())
        self._request = Request(head)
        if head.fault is not None:
            self._malformed(*head.fault)
        elif self._head + self._fed > HEAD_BYTES and _size_of(headers) > HEAD_BYTES:
            self._malformed(431, "the head of the request is too large")
        elif len(headers) > HEADERS:
            self._malformed(431, f"the request has more than {HEADERS} headers")
        elif int(head.named.get(b"content-length", 0)) > self._owner.max_body_bytes:
            self._malformed(413, f"the body is larger than {self._owner.max_body_bytes} bytes")
        elif b"expect" in head.named and not old:
            self._expects = self._later = True
            self._tell_expecting()

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._size += len(body)
        if self._size > self._owner.max_body_bytes:
            self._malformed(413, f"the body is larger than {self._owner.max_body_bytes} bytes")
        elif not self._broken:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request, self._request = self._request, None
        if request is None or self._broken:
            return
        if self._parser.should_upgrade():
            self._upgrading = request.head
            return
        if len(self._parts) == 1:
            request.body = self._parts[0]
        elif self._parts:
            request.body = b"".join(self._parts)
        self._parts = []
        request.received_at = self._read_at
        self.reading_since = 0.0
        self._expects = False
        if self._busy:
            self._waiting.append(request)
            self._later = True
            if len(self._waiting) >= PIPELINED:
                self._stopped = True
                self.transport.pause_reading()
            return
        self._take(request)

    def done(self, *, close: bool) -> None:
        """The answer to the request in work is written."""
        self._work = None
        self._busy = False
        now = self.idle_since = self._now()
        if self.reading_since:
            self.reading_since = now
        if close:
            self._broken = True
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
        self._broken = True
        self._work = None
        self.transport.abort()

    def _count_head(self, size: int) -> None:
        """A head that has not ended after so many bytes is none; those of the read in which it began are not counted:
        most of them may be another request's.
        """
        self._head += size * (not self._begun_here)
        if self._head > HEAD_BYTES:
            self._malformed(431, "the head of the request is too large")

    def expire(self) -> None:
        """It took too long to send its request, or has sent none for too long."""
        if self.reading_since and not self._broken:
            self._malformed(408, "the request did not come within its time")
        else:
            self.transport.close()

    @property
    def read_bytes(self) -> int:
        """Of the body that is being read."""
        return self._size

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

    def _malformed(self, status: int, message: str) -> None:
        """Nothing more is read; requests that came before are answered first."""
        self._broken = True
        self.reading_since = 0.0
        self._fault, self._later = (status, message), True
        if not self._busy and not self._waiting:
            self._refuse(status, message)

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


def _size_of(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
