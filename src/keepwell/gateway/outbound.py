"""The engine's side of a connection: writes one request, reads one answer, and is kept for the next.

Bytes of an answer are handed on as they came. They are read by a parser first: whatever stands after the answer's
end belongs to nobody, is handed to nobody, and ends the connection.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

#: Bytes of an answer's head.
HEAD_BYTES = 64 * 1024


class Taker(Protocol):
    """Who asked."""

    def head(self, answer: Outbound) -> None:
        """The head of the answer is there: `status`, `headers`, `length`, `chunked`."""
        ...

    def part(self, data: bytes) -> None:
        """Part of the body, without framing; only where `wants_parts`."""
        ...

    def raw(self, data: bytes) -> None:
        """Bytes of the body as they came, framing and all; only where not `wants_parts`."""
        ...

    def finished(self, *, reusable: bool) -> None:
        """The answer is whole."""
        ...

    def broke(self, why: str) -> None:
        """The connection ended, or what came is no answer."""
        ...

    wants_parts: bool


class Outbound(asyncio.Protocol):
    """One connection to one engine."""

    def __init__(self) -> None:
        self.taker: Taker | None = None
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.length = -1
        self.chunked = False
        self.closed = False
        #: Requests that were sent over it.
        self.asked = 0
        #: True between two chunks of a chunked answer.
        self.between = True
        self._head: bytes | None = b""
        self._done = False
        self._stays = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._parser = httptools.HttpResponseParser(self)
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not of the class

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine closed it, or it was cut."""
        self.closed = True
        taker, self.taker = self.taker, None
        if taker is None:
            return
        if self._head is None and not self._done and self.length < 0 and not self.chunked and exc is None:
            taker.finished(reusable=False)  # the end of the connection is the end of such a body
        else:
            taker.broke(str(exc or "the engine closed the connection"))

    def ask(self, taker: Taker, request: bytes) -> None:
        """Send a request; `taker` is told of the answer."""
        self.taker = taker
        self.asked += 1
        self.status, self.headers, self.length, self.chunked = 0, [], -1, False
        self.between, self._head, self._done = True, b"", False
        self.transport.write(request)

    def let_go(self) -> None:
        """Nobody wants the answer any more: cut the connection, so that the engine stops."""
        self.taker = None
        self.closed = True
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        taker = self.taker
        if taker is None:
            self.let_go()
            return
        try:
            if self._head is not None:
                data = self._read_head(data)
                taker = self.taker
                if not data or taker is None:
                    self._end()
                    return
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._spoilt(f"what the engine sent is no answer: {error}")
            return
        if self.taker is not taker:
            return
        if not taker.wants_parts:
            taker.raw(data)
        if self._done:
            self._end()

    def _read_head(self, data: bytes) -> bytes:
        """Feed the head to the parser once it is whole; the bytes after it, b"" while there are none."""
        whole = (self._head or b"") + data
        end = whole.find(b"\r\n\r\n")
        if end < 0:
            if len(whole) > HEAD_BYTES:
                raise httptools.HttpParserError("its head is too large")
            self._head = whole
            return b""
        self._head = None
        self._parser.feed_data(whole[: end + 4])
        if self.status == 100:
            self.status, self.headers, self._head, self._done = 0, [], b"", False
            return self._read_head(whole[end + 4 :])
        return whole[end + 4 :]

    def _end(self) -> None:
        if not self._done:
            return
        taker, self.taker = self.taker, None
        if taker is not None:
            taker.finished(reusable=self._stays and not self.closed)

    def _spoilt(self, why: str) -> None:
        taker = self.taker
        self.let_go()
        if taker is not None:
            taker.broke(why)

    # The parser's calls.

    def on_message_begin(self) -> None:
        """An answer begins; a second one was asked for by nobody."""
        if self._done:
            raise ValueError("bytes after its end")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"content-length":
            self.length = int(value)
        elif name == b"transfer-encoding":
            self.chunked = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        self.status = self._parser.get_status_code()
        self._stays = self._parser.should_keep_alive()
        if self.status != 100 and self.taker is not None:
            self.taker.head(self)

    def on_chunk_header(self) -> None:
        """A chunk begins."""
        self.between = False

    def on_chunk_complete(self) -> None:
        """A chunk is whole."""
        self.between = True

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        taker = self.taker
        if taker is not None and taker.wants_parts:
            taker.part(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self._done = self.status != 100
