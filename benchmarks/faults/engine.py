"""An engine that can be broken in several ways, in the process that measures: it knows to the instant who left."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

#: Words of each answer.
WORDS = 64
MODEL = "stub-model"


@dataclass(slots=True)
class Behaviour:
    """How it answers: "well", "refuse" (503 at once), "hang" (takes it and never answers), "drop" (cuts the connection
    after `words_before_drop` words). Seconds before the first word, and between two.
    """

    mode: str = "well"
    first_seconds: float = 0.0
    between_seconds: float = 0.0
    words_before_drop: int = 8


@dataclass(slots=True)
class Engine:
    """One of them. `asked` counts requests; `left` has the instants at which a client of a request at work left."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    port: int = 0
    asked: int = 0
    working: int = 0
    left: list[float] = field(default_factory=list)
    connections: set[asyncio.Transport] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; the port stays the same."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As if killed: no port, no connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for one in list(self.connections):
            one.abort()
        await asyncio.sleep(0)

    def be(self, mode: str = "well", *, first: float = 0.0, between: float = 0.0) -> None:
        """From the next request on; the counts begin anew."""
        self.behaviour = Behaviour(mode, first, between)
        self.asked = 0
        self.left.clear()

    def _make(self) -> _Connection:
        return _Connection(self)


class _Connection(asyncio.Protocol):
    """Reads one request after the other and answers it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = b""
        self._work: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._engine.connections.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """And left."""
        self._engine.connections.discard(self._transport)
        if self._work is not None and not self._work.done():
            self._engine.left.append(perf_counter())
            self._work.cancel()

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        self._read += data
        head, mark, rest = self._read.partition(b"\r\n\r\n")
        if not mark:
            return
        lines = head.lower().split(b"\r\n")
        size = next((int(one[15:]) for one in lines if one.startswith(b"content-length:")), 0)
        if len(rest) < size:
            return
        body, self._read = rest[:size], rest[size:]
        if head.startswith(b"GET"):
            listed = {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "bench"}]}
            self._transport.write(_answer(200, json.dumps(listed).encode()))
            return
        self._engine.asked += 1
        self._work = asyncio.get_running_loop().create_task(self._answer(json.loads(body)))

    async def _answer(self, asked: dict[str, object]) -> None:
        engine, behaviour = self._engine, self._engine.behaviour
        engine.working += 1
        try:
            if behaviour.mode == "refuse":
                self._transport.write(_answer(503, b'{"error":{"message":"server busy"}}'))
                return
            if behaviour.mode == "hang":
                await asyncio.Event().wait()
            await asyncio.sleep(behaviour.first_seconds)
            if asked.get("stream"):
                await self._stream(behaviour)
            else:
                await asyncio.sleep(behaviour.between_seconds * WORDS)
                self._transport.write(_answer(200, _whole()))
        finally:
            engine.working -= 1

    async def _stream(self, behaviour: Behaviour) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._transport.write(head)
        for number in range(WORDS):
            if behaviour.mode == "drop" and number == behaviour.words_before_drop:
                self._transport.abort()
                return
            self._transport.write(_event(f"w{number:03d} "))
            if behaviour.between_seconds:
                await asyncio.sleep(behaviour.between_seconds)
        self._transport.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _event(word: str) -> bytes:
    row = {"id": "x", "object": "chat.completion.chunk", "model": MODEL}
    return _chunk(b"data: %b\n\n" % json.dumps({**row, "choices": [{"index": 0, "delta": {"content": word}}]}).encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _whole() -> bytes:
    words = "".join(f"w{number:03d} " for number in range(WORDS))
    choice = {"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": WORDS, "total_tokens": WORDS + 1}
    return json.dumps(
        {"id": "x", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}
    ).encode()


def _answer(status: int, body: bytes) -> bytes:
    head = b"HTTP/1.1 %d x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body
