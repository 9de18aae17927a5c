"""The engine's side of a connection: writes one request, reads one answer, and is kept for the next.

An answer is handed on whole, in parts without its framing, or raw as it came: its taker says so when it has seen the
head. Whatever stands after the answer's end belongs to nobody, is handed to nobody, and ends the connection.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol, cast

import httptools

from keepwell.wire.head_reader import HEAD_BYTES, HeadReader, read_answer_head
from keepwell.wire.heads import CHUNKED, AnswerHead

#: Reads of one answer whose instants are kept: for more of them, those of the first stand.
TIMES = 4096
#: An answer that is taken whole is kept up to this size; beyond it, it comes in parts.
WHOLE_BYTES = 1024 * 1024
#: What llhttp is given before a chunked body: it reads the framing, nothing else of the answer.
_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_NO_HEAD = AnswerHead(0, (), stays=False)


class Sink(Protocol):
    """Where the body of an answer goes as it comes."""

    #: True for one that wants the bytes as they came, framing and all.
    raw: bool

    def take(self, data: bytes) -> None:
        """Part of the body."""
        ...


class Taker(Protocol):
    """Who asked."""

    def head(self, answer: Outbound) -> Sink | None:
        """The head is there, see `answer.head` and `answer.length`: where the body goes, None for all of it at once."""
        ...

    def grew(self, answer: Outbound) -> Sink:
        """It is too large to be kept: where it goes."""
        ...

    def whole(self, answer: Outbound, body: bytes) -> None:
        """The answer is there, all at once."""
        ...

    def finished(self, answer: Outbound) -> None:
        """The answer went to its sink, and was whole."""
        ...

    def broke(self, why: str) -> None:
        """The connection ended, or what came is no answer."""
        ...


class Outbound(asyncio.Protocol):
    """One connection to one engine. Instants are of the system's monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.taker: Taker | None = None
        self.closed = False
        #: Requests that were sent over it.
        self.asked = 0
        self._early = b""
        self._chunks: _Chunks | None = None
        self._reader = HeadReader(read_answer_head)
        #: The answer to the request has no body, whatever its head says.
        self._bare = False
        self._reset()

    def _reset(self) -> None:
        self.head, self.own = _NO_HEAD, b""
        #: Size of the body, CHUNKED where it ends by its framing or with the connection.
        self.length = CHUNKED
        #: When anything came last, and when the body began; 0 before.
        self.heard_at = self.body_at = 0.0
        #: Reads that held part of the body, and their bytes.
        self.reads = self.bytes = 0
        #: True if the connection can carry another request.
        self.reusable = False
        #: True if what came is no answer.
        self.spoilt = False
        #: Instants of the reads that held part of a body that is handed on as it comes.
        self.times: list[float] | None = None
        self._sink: Sink | None = None
        self._parts: list[bytes] = []
        if self._chunks is not None:
            self._chunks.close()
        self._chunks = None
        self._ends_raw = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not of the class

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine closed it, or it was cut."""
        self.closed = True
        taker = self.taker
        if taker is None:
            return
        if self.head.status and self.length < 0 and self._chunks is None and exc is None:
            self._end(taker)  # the end of the connection is the end of such a body
        else:
            self.taker = None
            taker.broke(str(exc or "the engine closed the connection"))

    def ask(self, taker: Taker, request: bytes) -> None:
        """Send a request; `taker` is told of the answer."""
        if self.asked:
            self._reset()
        self.asked += 1
        self.taker = taker
        self._bare = request.startswith(b"HEAD ")
        self.transport.write(request)

    def let_go(self) -> None:
        """Nobody wants the answer any more: cut the connection, so that the engine stops."""
        self.taker = None
        self.closed = True
        self.transport.abort()

    def resume(self) -> None:
        """Read on; the time in which nothing was read is not the engine's."""
        self.heard_at = monotonic()
        self.transport.resume_reading()

    def is_between(self) -> bool:
        """True if what was handed on raw so far ends between two chunks. Only to be asked when no more is read."""
        return self._ends_raw and (self._chunks is None or self._chunks.is_between())

    @property
    def unframed(self) -> bool:
        """True if only the connection's end tells the body's: so does the end of a process that is killed."""
        return self.length < 0 and self._chunks is None

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        taker = self.taker
        if taker is None:
            self.let_go()
            return
        self.heard_at = monotonic()
        try:
            if self.head.status:
                self._read_body(taker, data)
            else:
                self._read_head(taker, data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._spoilt(f"what the engine sent is no answer: {error}")

    def _read_head(self, taker: Taker, data: bytes) -> None:
        if self._early:
            data, self._early = self._early + data, b""
        reader = self._reader
        while True:
            start = reader.read(data)
            if start < 0:
                if len(data) > HEAD_BYTES:
                    raise httptools.HttpParserError("its head is too large")
                self._early = data
                return
            if reader.head.status >= 200:
                break
            data = data[start:]  # what comes before an answer (1xx) is for the next hop, which is this gateway
        self.head, self.own = reader.head, reader.own
        head = self.head
        length, self.reusable = reader.length, head.stays
        if length < 0 or head.empty or self._bare:
            length = head.length
            if head.empty or self._bare:
                # an engine that sends a body where there is none would be answering the next request with it
                length, self.reusable = 0, False
        self.length = length
        body = data[start:]
        if not length and body:
            body, self.reusable = b"", False
        if len(body) == length:  # most answers that are not streamed come in one read
            self.body_at = self.heard_at
            self.reads, self.bytes, self.taker = 1, length, None
            taker.whole(self, body)
            return
        self._sink = sink = taker.head(self)
        if head.chunked and length:
            self._chunks = _Chunks(unframe=sink is None or not sink.raw)
        if body and self.taker is taker:
            self._read_body(taker, body)

    def _read_body(self, taker: Taker, data: bytes) -> None:
        if not self.body_at:
            self.body_at = self.heard_at
        self.reads += 1
        chunks, sink, done = self._chunks, self._sink, False
        if chunks is not None:
            chunks.feed(data)
            done = chunks.done
            if sink is None or not sink.raw:
                data = chunks.take()
            elif done:
                data = chunks.trim(data)
        elif self.length >= 0:
            missing = self.length - self.bytes
            if len(data) > missing:
                data, self.reusable = data[:missing], False
            done = len(data) == missing
        self.bytes += len(data)
        if sink is not None:
            if data:
                if self.reads < TIMES:
                    if self.times is None:
                        self.times = []
                    self.times.append(self.heard_at)
                sink.take(data)
        elif self._keep(data) and self.taker is taker:
            self._sink = taker.grew(self)
            self._sink.take(b"".join(self._parts))
        if done and self.taker is taker:
            self._end(taker)

    def _keep(self, data: bytes) -> bool:
        """Keep part of an answer that is taken whole; True once it is too large."""
        self._parts.append(data)
        return self.bytes > WHOLE_BYTES

    def _end(self, taker: Taker) -> None:
        self.taker = None
        if self._sink is None:
            taker.whole(self, b"".join(self._parts))
        else:
            taker.finished(self)

    def _spoilt(self, why: str) -> None:
        taker = self.taker
        self._ends_raw = False
        self.spoilt = True
        self.let_go()
        if taker is not None:
            taker.broke(why)


class _Chunks:
    """Reads the framing of a chunked body. Raises httptools.HttpParserError for what is none, and for bytes after it.

    Trailers are nobody's. `unframe`: the body without its framing is wanted.
    """

    __slots__ = ("_before", "_last", "_parser", "_parts", "done", "on_body")

    def __init__(self, *, unframe: bool) -> None:
        self.done = False
        self._parts: list[bytes] = []
        self._before = self._last = b""
        if unframe:
            self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(_CHUNKED)

    def on_message_begin(self) -> None:
        """An answer begins; a second one was asked for by nobody."""
        if self.done:
            raise ValueError("bytes after its end")

    def on_message_complete(self) -> None:
        """The body is whole."""
        self.done = True

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        self._before = self._last[-4:]
        self._parser.feed_data(data)
        self._last = data

    def trim(self, data: bytes) -> bytes:
        """These bytes, in which the body ended, without line ends behind it."""
        before, whole = len(self._before), self._before + data
        return (whole.rstrip(b"\r\n") + b"\r\n\r\n")[before:]

    def close(self) -> None:
        """Nothing more is read. It and its parser know each other: otherwise both wait to be found as garbage."""
        del self._parser

    def take(self) -> bytes:
        """The body that was read since the last time, without its framing."""
        found = b"".join(self._parts)
        self._parts.clear()
        return found

    def is_between(self) -> bool:
        """True if a chunk may begin here: then, and only then, the last chunk of all may come now."""
        if self._last and not self._last.endswith(b"\n"):
            return False
        try:
            self._parser.feed_data(b"0\r\n\r\n")
        except httptools.HttpParserError:
            return False
        return self.done
