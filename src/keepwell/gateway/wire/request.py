"""Requests, and how they are read from the bytes of one client's connection.

Most reads are one request and nothing else, with a head like one before: two comparisons tell. For everything else
there is llhttp, which judges whatever two readers could understand in two ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import httptools

from keepwell.gateway.wire.heads import RequestHead
from keepwell.gateway.wire.request_head import read_request_head
from keepwell.wire.head_reader import HEAD_BYTES, HeadReader
from keepwell.wire.heads import Headers, is_old

#: Headers of one request, bytes of what may follow its body, and bytes of framing for each byte of the body: chunks of
#: one byte have five.
HEADERS, TRAILER_BYTES, FRAMING = 128, 8 * 1024, 8


#: Bytes of a body from which on it may be handed on as it comes.
PASSED_BYTES = 1024 * 1024


class Request:
    """One request as it was read: its head, which it may share with others, and its body."""

    __slots__ = ("body", "close", "head", "own", "received_at")

    def __init__(self, head: RequestHead, body: bytes = b"", received_at: float = 0.0, own: bytes = b"") -> None:
        self.head = head
        self.body = body
        self.received_at = received_at
        #: Lines of the head that no other request has, for the engine.
        self.own = own
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


class Passing(Protocol):
    """Where a body goes as it comes."""

    def take(self, data: bytes) -> None:
        """Part of it."""
        ...


class Listener(Protocol):
    """Who is told."""

    def passing(self, request: Request) -> Passing | None:
        """Where a large body goes that is not to be kept until it is whole; None for one that is, or is refused."""
        ...

    def came(self, request: Request) -> None:
        """A request is whole."""
        ...

    def expecting(self) -> None:
        """A client waits for leave to send its body."""
        ...

    def malformed(self, status: int, message: str) -> None:
        """What came is no request: nothing more is read."""
        ...


class RequestReader:
    """Instants are of whoever reads, in seconds. After `stop` no request comes any more."""

    def __init__(self, listener: Listener, max_body_bytes: int) -> None:
        #: When the request that is being read began, 0 between requests; bytes of its body so far.
        self.since = 0.0
        self.size = 0
        self._listener = listener
        self._most = max_body_bytes
        self._heads = HeadReader(read_request_head)
        self._parser = httptools.HttpRequestParser(self)
        self._stopped = False
        self._now = 0.0
        self._request: Request | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._url = b""
        self._parts: list[bytes] = []
        self._upgrading: RequestHead | None = None
        self._passing: Passing | None = None
        #: Bytes of the head in earlier reads, bytes of this read, and whether the request began in it.
        self._head = self._fed = self._trailing = 0
        self._begun_here = False

    def stop(self) -> None:
        """Nothing more is wanted, also of what was read already."""
        self._stopped = True
        self.since = 0.0

    def read_whole(self, data: bytes, now: float) -> Request | None:
        """The request that these bytes are; None where they are more, less, or unusual: then `feed` them."""
        heads = self._heads
        try:
            start = heads.read(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            return None
        if start < 0:
            return None
        head, length = heads.head, heads.length
        if len(data) - start != length or length > self._most or not head.plain or len(head.headers) > HEADERS:
            return None
        return Request(head, data[start:], now, heads.own)

    def feed(self, data: bytes, now: float) -> None:
        """Read on; the listener is told of what is whole."""
        self._now = now
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
            if self.since and not self._stopped:
                self._count(len(data))
            self._begun_here = False
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(data[int(upgrade.args[0]) :])
        except httptools.HttpParserError as error:
            if not self._stopped:
                self._refuse(400, f"this is no well-formed HTTP request: {error}")

    def _go_on(self, rest: bytes) -> None:
        """A request that would change to another protocol is one of this protocol: read again without that wish."""
        head, self._upgrading = self._upgrading, None
        if head is not None and not self._stopped:
            self._parser = httptools.HttpRequestParser(self)
            lines = [b"%b: %b\r\n" % one for one in head.headers if one[0] not in (b"upgrade", b"connection")]
            lines += [b"connection: close\r\n"] * head.close
            self.feed(b"%b %b HTTP/1.1\r\n%b\r\n" % (head.method, head.path, b"".join(lines)) + rest, self._now)

    def _refuse(self, status: int, message: str) -> None:
        self.stop()
        self._listener.malformed(status, message)

    def _count(self, size: int) -> None:
        """A head that has not ended after so many bytes is none, and neither is a body that is mostly framing; bytes of
        the read in which the request began are not counted: most of them may be another request's.
        """
        self._head += size * (not self._begun_here)
        if self._request is None:
            if self._head > HEAD_BYTES:
                self._refuse(431, "the head of the request is too large")
        elif self._head - self.size > HEAD_BYTES + FRAMING * self.size:
            self._refuse(400, "the body of the request is little more than its framing")

    # The parser's calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self.since = self._now
        self._headers, self._url, self._parts, self.size, self._head, self._trailing = [], b"", [], 0, 0, 0
        self._begun_here = True

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; those after the body (trailers) are nobody's."""
        if self._request is None:
            self._headers.append((name.lower(), value))
            return
        self._trailing += len(name) + len(value)
        if self._trailing > TRAILER_BYTES and not self._stopped:
            self._refuse(431, "the trailers of the request are too large")

    def on_headers_complete(self) -> None:
        """The head is there."""
        headers, self._headers = self._headers, []
        method, old = self._parser.get_method(), is_old(self._parser.get_http_version())
        head = RequestHead(method, self._url, headers, old=old, close=not self._parser.should_keep_alive())
        self._request = Request(head)
        if head.fault is not None:
            self._refuse(*head.fault)
        elif self._head + self._fed > HEAD_BYTES and len(self._url) + _size_of(headers) > HEAD_BYTES:
            self._refuse(431, "the head of the request is too large")
        elif len(headers) > HEADERS:
            self._refuse(431, f"the request has more than {HEADERS} headers")
        elif int(head.named.get(b"content-length", 0)) > PASSED_BYTES and self._passes(self._request):
            return
        elif int(head.named.get(b"content-length", 0)) > self._most:
            self._refuse(413, f"the body is larger than {self._most} bytes")
        elif b"expect" in head.named and not old:
            self._listener.expecting()

    def _passes(self, request: Request) -> bool:
        """True for a body that is handed on as it comes, and for a request that was refused instead."""
        request.received_at = self._now
        self._passing = self._listener.passing(request)
        return self._passing is not None or self._stopped

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self.size += len(body)
        if self._passing is not None:
            if not self._stopped:
                self._passing.take(body)
        elif self.size > self._most:
            self._refuse(413, f"the body is larger than {self._most} bytes")
        elif not self._stopped:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request, self._request = self._request, None
        passing, self._passing = self._passing, None
        if request is None or self._stopped:
            return
        if passing is not None:
            self.since = 0.0
            return
        if self._parser.should_upgrade():
            self._upgrading = request.head
            return
        request.body = b"".join(self._parts)
        self._parts = []
        request.received_at = self._now
        self.since = 0.0
        self._listener.came(request)


def _size_of(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
