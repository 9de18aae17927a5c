"""Clients and engines that count bytes: readers that take nothing but well-formed HTTP, and a stub that asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.gateway.made import MODEL

#: Seconds after which a reader gives up: a gateway that hangs fails the test.
SECONDS = 10.0
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [\t\x20-\x7e]*")
_HEADER = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*")
_EMPTY = frozenset({100, 101, 102, 103, 204, 304})


class NoHttp(Exception):
    """What came is not what a strict reader takes."""


@dataclass
class Message:
    """A request or an answer: its first line's parts, headers with names in lower case, body."""

    first: tuple[bytes, ...]
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    whole: bool = True

    def all(self, name: bytes) -> list[bytes]:
        """Values of a header."""
        return [value for one, value in self.headers if one == name]

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.first[0])


def read_messages(data: bytes, line: re.Pattern[bytes], methods: Sequence[bytes] = ()) -> list[Message]:
    """All messages in these bytes, the last one perhaps not whole; raises NoHttp. `methods` are those of the requests
    that answers belong to, where they matter.
    """
    found: list[Message] = []
    asked = list(methods)
    while data:
        message, data = _read_message(data, line, asked)
        found.append(message)
    return found


def read_answers(data: bytes, methods: Sequence[bytes] = ()) -> list[Message]:
    """All answers."""
    return read_messages(data, _STATUS_LINE, methods)


def read_requests(data: bytes) -> list[Message]:
    """All requests."""
    return read_messages(data, _REQUEST_LINE)


def _read_message(data: bytes, line: re.Pattern[bytes], asked: list[bytes]) -> tuple[Message, bytes]:
    head, mark, rest = data.partition(b"\r\n\r\n")
    if not mark:
        return Message((b"0",), [], data, whole=False), b""
    first, *lines = head.split(b"\r\n")
    matched = line.fullmatch(first)
    if matched is None:
        raise NoHttp(f"first line {first[:200]!r}")
    headers = []
    for one in lines:
        header = _HEADER.fullmatch(one)
        if header is None:
            raise NoHttp(f"header {one[:200]!r}")
        headers.append((header[1].lower(), header[2]))
    message = Message(matched.groups(), headers)
    lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
    if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
        raise NoHttp(f"lengths {lengths!r} {codings!r}")
    is_answer = line is _STATUS_LINE
    if is_answer and message.status >= 200:
        method = b"GET"
        if asked:
            method = asked.pop(0)
        if method == b"HEAD":
            return message, rest
    if is_answer and message.status in _EMPTY:
        if lengths or codings:
            raise NoHttp(f"a length in an answer without a body: {message.status} {lengths!r}")
        return message, rest
    if codings:
        return _read_chunks(message, rest)
    if lengths:
        if not lengths[0].isdigit():
            raise NoHttp(f"length {lengths[0]!r}")
        length = int(lengths[0])
        message.body, message.whole = rest[:length], len(rest) >= length
        return message, rest[length:]
    if is_answer:
        message.body = rest  # to the end of the connection
        return message, b""
    return message, rest


def _read_chunks(message: Message, data: bytes) -> tuple[Message, bytes]:
    parts = []
    while True:
        size, mark, rest = data.partition(b"\r\n")
        if not mark:
            message.whole = False
            break
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}(;[^\r\n]*)?", size):
            raise NoHttp(f"a chunk's size {size[:100]!r}")
        length = int(size.partition(b";")[0], 16)
        if not length:
            _trailers, mark, rest = (b"\r\n" + rest).partition(b"\r\n\r\n")
            message.whole = bool(mark)
            message.body = b"".join(parts)
            return message, rest
        if len(rest) < length + 2:
            message.whole = False
            parts.append(rest[:length])
            break
        if rest[length : length + 2] != b"\r\n":
            raise NoHttp("no line end after a chunk")
        parts.append(rest[:length])
        data = rest[length + 2 :]
    message.body = b"".join(parts)
    return message, b""


Answering = Callable[[int, Message, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


@dataclass
class Stub:
    """An engine: what it was asked, in order, and what was wrong with it."""

    port: int = 0
    asked: list[Message] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def tags(self) -> list[str]:
        """Of the requests that it got."""
        return [tag_of(one) for one in self.asked]


def tag_of(request: Message) -> str:
    """What tells this request from all others."""
    return str(json.loads(request.body).get("user", ""))


def body_for(tag: str, **more: object) -> bytes:
    """A request's body."""
    return json.dumps({"model": MODEL, "messages": [], "user": tag, **more}).encode()


def answer_for(tag: str) -> bytes:
    """The body of the answer to it."""
    return json.dumps({"model": MODEL, "choices": [{"message": {"content": f"<{tag}>"}}]}).encode()


async def answer_well(
    number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """As an engine should."""
    body = answer_for(tag_of(request))
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )
    return True


def _is_look(request: Message) -> bool:
    """True for what a test beside this one asks, which looks for engines on all ports of the machine."""
    return any(value.startswith(b"keepwell/") for value in request.all(b"user-agent"))


@contextlib.asynccontextmanager
async def stub(answering: Answering = answer_well) -> AsyncIterator[Stub]:
    """An engine that reads strictly and answers as it is told: `answering` gives False to close the connection."""
    made = Stub()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        made.connections += 1
        data = b""
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            try:
                going = True
                while going:
                    try:
                        found = read_requests(data * _may_be_whole(data))
                    except NoHttp as error:
                        made.wrong.append(str(error))
                        break
                    if found and found[0].whole and _is_look(found[0]):
                        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                        break
                    if found and found[0].whole and found[0].first != (b"0",):
                        if len(found) > 1:
                            made.wrong.append(f"more than one request: {data[:500]!r}")
                        data = b""
                        made.asked.append(found[0])
                        going = await answering(len(made.asked), found[0], reader, writer)
                        await writer.drain()
                        continue
                    got = await reader.read(65536)
                    data += got
                    if not got:
                        break
            finally:
                writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _may_be_whole(data: bytes) -> bool:
    """False where a length says that more will come: large bodies are not read again and again."""
    head, mark, _ = data[:65536].partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: ([0-9]+)", head, re.IGNORECASE)
    return not mark or length is None or len(data) - len(head) - 4 >= int(length[1])


async def talk(port: int, data: bytes, cuts: Sequence[int] = ()) -> bytes:
    """Send these bytes, cut where `cuts` say, and give what comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    try:
        place = 0
        for cut in (*cuts, len(data)):
            with contextlib.suppress(ConnectionError):
                writer.write(data[place : place + cut])
                await writer.drain()
            place += cut
            await asyncio.sleep(0)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(SECONDS):
                while got := await reader.read(65536):
                    found += got
    finally:
        writer.close()
    return found


@contextlib.contextmanager
def no_loose_ends() -> Iterator[None]:
    """An error that nobody awaits (in a protocol's call, in a task that was forgotten) fails the test."""
    loop = asyncio.get_running_loop()
    told: list[str] = []

    def note(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        told.append(f"{context.get('message')}: {context.get('exception')!r}")

    loop.set_exception_handler(note)
    try:
        yield
    finally:
        loop.set_exception_handler(None)
    assert not told, "; ".join(told)
