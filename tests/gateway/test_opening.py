"""Clients that wait: they are told their place, and comments keep a stream open where a route wants it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic
from typing import cast

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.work.opening import COMMENT_SECONDS, SILENT_SECONDS
from tests.gateway.made import MODEL, Running, chat, gateway, read_answer
from tests.support import eventually_async

PARTS = (b'data: {"model":"tiny-alpha","choices":[]}\n\n', b"data: [DONE]\n\n")
COMMENTS = Route(name=MODEL, replicas={}, policy=("least_work",), comments=True)


@dataclass
class Slow:
    """An engine that answers when it is told to."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 200
    chunked: bool = True
    asked: int = 0
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        self.serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        self.asked += 1
        await self.go.wait()
        body = b"".join(PARTS)
        if self.status != 200:
            body = b'{"error": {"message": "it broke"}}'
        if self.chunked and self.status == 200:
            lines = b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            framed = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (*PARTS, b""))
            writer.write(b"HTTP/1.1 200 OK\r\n" + lines + framed)
        else:
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (self.status, len(body), body))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def slow(engine: Slow, route: Route, limit: int = 0) -> AsyncIterator[Running]:
    server = await asyncio.start_server(engine.serve, "127.0.0.1", 0)
    async with server, gateway([server.sockets[0].getsockname()[1]], route=route, limit=limit) as running:
        try:
            yield running
        finally:
            engine.go.set()
            await asyncio.gather(*engine.serving)


class Clock:
    """Time that can be sent ahead."""

    ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead


@dataclass
class Client:
    """A request whose answer is read as it comes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    found: bytes = b""

    async def read_until(self, mark: bytes) -> None:
        async with asyncio.timeout(10):
            while mark not in self.found:
                got = await self.reader.read(65536)
                assert got, self.found
                self.found += got

    async def read_all(self) -> None:
        async with asyncio.timeout(10):
            self.found += await self.reader.read()
        self.writer.close()


async def begin(running: Running, path: str = "/v1/chat/completions", **more: object) -> Client:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    body = json.dumps(chat(**more)).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    return Client(reader, writer)


async def opened(running: Running, engine: Slow) -> tuple[Client, Clock]:
    """A client whose stream was begun while the engine is silent."""
    clock = running.gate.now = Clock()
    client = await begin(running, stream=True)

    async def asked() -> bool:
        return engine.asked == 1

    await eventually_async(asked)
    clock.ahead += SILENT_SECONDS
    await client.read_until(b": no answer yet\n\n")
    return client, clock


async def test_a_stream_that_waits_is_kept_open_and_then_goes_on() -> None:
    for chunked in (True, False):
        engine = Slow(chunked=chunked)
        async with slow(engine, COMMENTS) as running:
            client, clock = await opened(running, engine)
            clock.ahead += COMMENT_SECONDS
            await client.read_until(b": no answer yet\n\n\r\n11\r\n: no answer yet\n\n")
            engine.go.set()
            await client.read_all()
            answer = read_answer(client.found)
            assert answer.whole
            assert answer.headers["content-type"] == "text/event-stream"
            assert answer.headers["x-keepwell-asked"] == MODEL
            assert answer.body == b": no answer yet\n\n" * 2 + b": tiny-alpha from box/0\n\n" + b"".join(PARTS)
            assert (running.told[0].status, running.told[0].error) == (200, "")


async def test_an_error_after_that_is_an_event_and_no_end() -> None:
    engine = Slow(status=500)
    async with slow(engine, COMMENTS) as running:
        client, _ = await opened(running, engine)
        engine.go.set()
        await client.read_all()
        answer = read_answer(client.found)
        assert answer.whole
        assert b"[DONE]" not in answer.body
        event = json.loads(answer.body.rpartition(b"data: ")[2])
        assert "it broke" in event["error"]["message"]
        assert running.told[0].error == "engine_error"


async def test_who_waits_too_long_is_told_so_in_the_stream() -> None:
    route = Route(name=MODEL, replicas={}, policy=("least_work",), comments=True, wait_seconds=30.0)
    engine = Slow()
    async with slow(engine, route, limit=1) as running:
        first = await begin(running, stream=True)
        clock = running.gate.now = Clock()
        client = await begin(running, stream=True)

        async def waits() -> bool:
            return len(running.gate.scheduler.waiting) == 1

        await eventually_async(waits)
        clock.ahead += SILENT_SECONDS
        await client.read_until(b": waiting\n\n")
        assert b"x-keepwell-queue-position: 0\r\n" in client.found
        clock.ahead += 30.0
        await client.read_all()
        assert b'"code":"queue_timeout"' in client.found
        assert b"[DONE]" not in client.found
        first.writer.close()


async def test_routes_that_do_not_want_it_and_streams_that_cannot_hold_comments_stay_silent() -> None:
    plain = Route(name=MODEL, replicas={}, policy=("least_work",))
    for route, path, more in (
        (plain, "/v1/chat/completions", {"stream": True}),
        (COMMENTS, "/api/chat", {}),
        (COMMENTS, "/v1/chat/completions", {}),
    ):
        engine = Slow(chunked=False)
        async with slow(engine, route) as running:
            clock = running.gate.now = Clock()
            client = await begin(running, path, **more)

            async def asked(engine: Slow = engine) -> bool:
                return engine.asked == 1

            await eventually_async(asked)
            clock.ahead += 3 * COMMENT_SECONDS
            running.gate.look()
            engine.go.set()
            await client.read_all()
            assert read_answer(client.found).body == b"".join(PARTS)


async def test_who_waited_is_told_the_place_the_estimate_and_the_time() -> None:
    route = Route(name=MODEL, replicas={}, policy=("least_work",), waiting=2, wait_seconds=0.3)
    engine = Slow()
    async with slow(engine, route, limit=1) as running:
        first = await begin(running, stream=True)
        waiting = [await begin(running, stream=True)]

        async def both() -> bool:
            return len(running.gate.scheduler.waiting) == 1

        await eventually_async(both)
        waiting.append(await begin(running, stream=True))
        full = await running.ask("/v1/chat/completions", chat())
        assert (full.status, full.headers["x-keepwell-queue-position"]) == (429, "2")
        assert int(full.headers["retry-after"]) >= 1
        for client in waiting:
            await client.read_all()
        answers = [read_answer(one.found) for one in waiting]
        assert [one.status for one in answers] == [503, 503]
        assert [one.headers["x-keepwell-queue-position"] for one in answers] == ["0", "1"]
        assert all(int(one.headers["x-keepwell-queue-ms"]) >= 300 for one in answers)
        assert all(int(one.headers["x-keepwell-queue-estimate-ms"]) > 0 for one in answers)
        assert all(int(one.headers["retry-after"]) >= 1 for one in answers)
        again = await begin(running, stream=True)
        engine.go.set()
        for client in (first, again):
            await client.read_all()
        assert "x-keepwell-queue-ms" not in read_answer(first.found).headers
        assert read_answer(again.found).status == 200
