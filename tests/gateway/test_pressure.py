"""Too much, too slow, too large: what one client does costs a fixed amount, and the others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator

import pytest

from keepwell.gateway.choice.deadlines import Deadlines
from keepwell.gateway.wire.inbound import WRITE_BYTES
from tests.gateway.made import Running, gateway, read_answer
from tests.gateway.wire import Message, answer_for, answer_well, body_for, no_loose_ends, read_answers, stub, talk
from tests.support import eventually_async

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
LIST = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
LAST = b"GET /the-last-one HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
#: Bytes of an image as a large request holds it.
LARGE = 20 * 1024 * 1024
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def post(body: bytes, *lines: bytes) -> bytes:
    return HEAD + b"".join(one + b"\r\n" for one in lines) + b"content-length: %d\r\n\r\n%b" % (len(body), body)


async def test_thousands_of_requests_behind_a_slow_one_are_all_answered_in_order() -> None:
    async def slow(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.05)
        return await answer_well(number, request, reader, writer)

    async with stub(slow) as engine, gateway([engine.port]) as running:
        with no_loose_ends():
            data = await talk(running.port, post(body_for("first")) + 3000 * LIST + LAST)
        statuses = [one.status for one in read_answers(data)]
        assert statuses == [200] * 3001 + [404]
        assert read_answers(data)[0].body == answer_for("first")


async def test_an_engine_may_say_continue_as_often_as_it_likes() -> None:
    async def answer(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000)
        return await answer_well(number, request, reader, writer)

    async with stub(answer) as engine, gateway([engine.port]) as running:
        with no_loose_ends():
            data = await talk(running.port, post(body_for("one"), b"connection: close"))
        assert [one.body for one in read_answers(data)] == [answer_for("one")]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_in_the_middle_of_a_large_upload_can_read_that_it_is_too_large(chunked: bool) -> None:
    """Closing at once would reset the connection, and the client would see no more than that."""
    async with gateway([1], max_body_bytes=1 << 20) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        head = HEAD + b"content-length: %d\r\n\r\n" % LARGE
        if chunked:
            head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
        writer.write(head)
        piece = b"x" * 65536
        if chunked:
            piece = b"10000\r\n%b\r\n" % piece
        for _ in range(LARGE // 65536):
            writer.write(piece)
            await writer.drain()
        answer = read_answer(await reader.read())
        assert answer.status == 413
        assert "1048576 bytes" in answer.data["error"]["message"]
        writer.close()
        assert not running.gate.exchanges


@contextlib.asynccontextmanager
async def dripping(port: int, data: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.Task[None]]]:
    """A client that sends one byte now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def drip() -> None:
        for place in range(len(data)):
            writer.write(data[place : place + 1])
            await asyncio.sleep(0.02)

    task = asyncio.create_task(drip())
    try:
        yield reader, task
    finally:
        task.cancel()
        writer.close()


@pytest.mark.parametrize(
    "data", [HEAD * 50, post(b"x" * 5000), HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 500]
)
async def test_many_that_drip_are_let_go_after_their_time_and_others_are_served(data: bytes) -> None:
    async with stub() as engine, gateway([engine.port], deadlines=Deadlines(reading_seconds=0.5)) as running:
        async with contextlib.AsyncExitStack() as stack:
            slow = [await stack.enter_async_context(dripping(running.port, data)) for _ in range(30)]
            began = time.monotonic()
            while time.monotonic() - began < 0.4:
                found = read_answers(await talk(running.port, post(body_for("one"), b"connection: close")))
                assert [one.status for one in found] == [200]
            async with asyncio.timeout(5):
                ended = [await reader.read() for reader, _ in slow]
        assert all(one == b"" or b" 408 " in one.split(b"\r\n")[0] for one in ended)

        async def gone() -> bool:
            return not running.gate.clients

        await eventually_async(gone)


async def test_a_large_request_over_a_slow_line_is_given_its_time() -> None:
    """What comes steadily is no attack: only the head has a fixed time."""
    body = body_for("one", input="x" * 400_000)
    async with stub() as engine, gateway([engine.port], deadlines=Deadlines(reading_seconds=0.3)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        data = post(body, b"connection: close")
        for place in range(0, len(data), 10_000):
            writer.write(data[place : place + 10_000])
            await asyncio.sleep(0.02)
        assert read_answer(await reader.read()).status == 200
        writer.close()


async def test_a_client_that_reads_nothing_costs_a_fixed_amount() -> None:
    """The engine is not read on, so that nothing of a large answer lies here; and it is not blamed for it."""
    sent = 0
    size = 64 * 1024 * 1024

    async def answer(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        nonlocal sent
        writer.write(STREAM_HEAD)
        piece = b"10000\r\n%b\r\n" % (b"x" * 65536)
        for _ in range(size // 65536):
            writer.write(piece)
            await writer.drain()
            sent += 65536
        writer.write(b"0\r\n\r\n")
        return True

    async with stub(answer) as engine, gateway([engine.port], deadlines=Deadlines(between_seconds=0.6)) as running:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", running.port))
        await loop.sock_sendall(client, post(body_for("one", stream=True, stream_options={})))

        async def stands() -> bool:
            before = sent
            await asyncio.sleep(0.2)
            return sent == before > 0

        await eventually_async(stands)
        (inbound,) = running.gate.clients
        held = inbound.transport.get_write_buffer_size()
        assert 0 < held < 4 * WRITE_BYTES, f"{held} bytes lie in the gateway"
        assert sent < size / 2

        async def over() -> bool:
            return not running.gate.exchanges

        await eventually_async(over, 5, "the client to be let go")
        (facts,) = running.told
        assert facts.error == "client_slow"
        assert 0.3 < facts.stalled <= facts.ended - facts.began
        assert not running.gate.scheduler.stations["box/0"].breaker.reasons, "the engine did nothing wrong"
        client.close()


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    async def answer(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(STREAM_HEAD)
        for place in range(200):
            writer.write(b"8000\r\n%b\r\n" % (b"%04d" % place * 8192))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True

    async with stub(answer) as engine, gateway([engine.port], deadlines=Deadlines(between_seconds=0.5)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=65536)
        writer.write(post(body_for("one", stream=True, stream_options={}), b"connection: close"))
        data = b""
        while got := await reader.read(262144):
            data += got
            await asyncio.sleep(0.02)
        (found,) = read_answers(data)
        assert found.whole
        assert found.body == b"".join(b"%04d" % place * 8192 for place in range(200))
        writer.close()
        assert running.told[0].error == ""
        assert 0.01 < running.told[0].stalled < running.told[0].ended - running.told[0].began


async def test_large_requests_do_not_stall_a_small_stream() -> None:
    async def answer(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if not json.loads(request.body).get("stream"):
            return await answer_well(number, request, reader, writer)
        writer.write(STREAM_HEAD)
        for _ in range(60):
            writer.write(b"5\r\nhello\r\n")
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")
        return True

    async with stub(answer) as engine, gateway([engine.port], max_body_bytes=64 << 20) as running:
        large = asyncio.create_task(_upload_all(running, 4))
        gaps = await _gaps(running)
        await large
    assert max(gaps) < 0.4, f"the longest gap is {max(gaps) * 1000:.0f} ms"


async def _upload_all(running: Running, count: int) -> None:
    body = body_for("large", input="x" * (5 * 1024 * 1024))
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        data = post(body, b"connection: close")
        for place in range(0, len(data), 262144):
            writer.write(data[place : place + 262144])
            await writer.drain()
        assert read_answer(await reader.read()).status == 200
        writer.close()


async def _gaps(running: Running) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(post(body_for("small", stream=True, stream_options={}), b"connection: close"))
    await reader.readuntil(b"\r\n\r\n")
    gaps, before = [], time.monotonic()
    while await reader.read(65536):
        now = time.monotonic()
        gaps.append(now - before)
        before = now
    writer.close()
    return gaps


async def test_a_client_that_sent_ahead_and_left_is_noticed() -> None:
    """While nothing is read from a connection its end is not seen: so it is read while requests wait."""

    async def never(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.read()
        return False

    async with stub(never) as engine, gateway([engine.port]) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(post(body_for("one")) * 20)

        async def came() -> bool:
            return bool(engine.asked)

        await eventually_async(came)
        writer.transport.abort()

        async def gone() -> bool:
            return not running.gate.exchanges and not running.gate.clients

        await eventually_async(gone, 2.0)
        assert [one.error for one in running.told] == ["client_gone"]
