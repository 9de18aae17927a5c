"""Heads, targets, framing and trailers have bounds, at once and in pieces; a client that half-closes has left."""

from __future__ import annotations

import asyncio

import pytest

from keepwell.gateway.choice.deadlines import Deadlines
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import Fault
from tests.gateway.made import chat, gateway, read_answer
from tests.gateway.wire import body_for, read_answers, stub, talk
from tests.support import eventually_async

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
BODY = body_for("one")
BIG = 200_000
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CASES = {
    "a target": (b"POST /v1/chat/completions?" + b"a" * BIG + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", {414, 431}),
    "a header": (HEAD + b"x: " + b"a" * BIG + b"\r\n\r\n", {431}),
    "a name": (HEAD + b"a" * BIG + b": x\r\n\r\n", {431}),
    "headers": (HEAD + b"".join(b"x%d: 1\r\n" % one for one in range(BIG // 10)) + b"\r\n", {431}),
    "an extension of a chunk": (CHUNKED + b"1;" + b"a" * BIG + b"\r\nx\r\n0\r\n\r\n", {400, 413}),
    "extensions of chunks": (CHUNKED + (b"1;" + b"a" * 2000 + b"\r\nx\r\n") * 100 + b"0\r\n\r\n", {400, 413}),
    "trailers": (
        CHUNKED + b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY) + b"a: b\r\n" * (BIG // 6) + b"\r\n",
        {400, 413, 431},
    ),
    "a trailer": (CHUNKED + b"%x\r\n%b\r\n0\r\nx: " % (len(BODY), BODY) + b"a" * BIG + b"\r\n\r\n", {400, 413, 431}),
}


@pytest.mark.parametrize("size", [BIG * 2, 8192], ids=["at once", "in pieces"])
@pytest.mark.parametrize("name", CASES)
async def test_nothing_has_no_end(name: str, size: int) -> None:
    data, statuses = CASES[name]
    async with stub() as engine, gateway([engine.port]) as running:
        found = read_answers(await talk(running.port, data, [size] * (len(data) // size)))
        assert [one.status in statuses for one in found] == [True], found
        assert engine.asked == []


async def test_many_small_chunks_are_a_body_like_any_other() -> None:
    pieces = b"".join(b"1\r\n%b\r\n" % BODY[place : place + 1] for place in range(len(BODY)))
    big = body_for("two", input="x" * 60_000)
    rows = b"".join(b"2\r\n%b\r\n" % big[place : place + 2] for place in range(0, len(big) - 1, 2))
    last = big[len(big) // 2 * 2 :]
    rest = b"%x\r\n%b\r\n" % (len(last), last) if last else b""
    async with stub() as engine, gateway([engine.port]) as running:
        for data in (CHUNKED + pieces + b"0\r\n\r\n", CHUNKED + rows + rest + b"0\r\n\r\n"):
            (found,) = read_answers(await talk(running.port, data, [9000] * (len(data) // 9000)))
            assert found.status == 200
        assert engine.tags == ["one", "two"]


async def test_a_client_that_half_closes_gets_what_is_there_already() -> None:
    async with gateway([1]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
        writer.write_eof()
        assert read_answer(await reader.read()).status == 200
        writer.close()


async def test_a_client_that_half_closes_while_it_waits_has_left_and_the_engine_is_free() -> None:
    """Its end of sending cannot be told from its going: engines are worth more than answers that nobody may read."""
    async with FakeEngine("vllm") as engine, gateway([engine.port], deadlines=Deadlines()) as running:
        await engine.set_fault(Fault.HANG)
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        body = body_for("one", **chat())
        writer.write(HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body))

        async def came() -> bool:
            return bool(engine.requests)

        await eventually_async(came)
        writer.write_eof()

        async def gone() -> bool:
            return not running.gate.exchanges and not running.running

        await eventually_async(gone)
        assert [one.error for one in running.told] == ["client_gone"]
        writer.close()
