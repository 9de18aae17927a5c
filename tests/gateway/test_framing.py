"""What comes over a connection: cut anywhere, mixed lengths, too much, too slow; and an engine that sends too much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.gateway.choice.deadlines import Deadlines
from keepwell.testing.engine import FakeEngine
from tests.gateway.made import chat, gateway, read_answer
from tests.support import eventually_async

BODY = json.dumps(chat()).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)

#: Lengths that two readers could understand in two ways (RFC 9112, 6.3 and 11.2), and other things that are no HTTP.
SMUGGLED = [
    b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n%b" % (len(BODY), BODY),
    b"transfer-encoding: chunked\r\ncontent-length: %d\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), len(BODY), BODY),
    b"content-length: %d\r\ncontent-length: 5\r\n\r\n%b" % (len(BODY), BODY),
    b"content-length: +%d\r\n\r\n%b" % (len(BODY), BODY),
    b"content-length: %d, %d\r\n\r\n%b" % (len(BODY), len(BODY), BODY),
    b"content-length: -1\r\n\r\n",
    b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    b"content-length: 99999999999999999999\r\n\r\n",
    b"transfer-encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n",
    b"a header without a colon\r\n\r\n",
    b"x: a\rcontent-length: 3\r\n\r\nabc",
    b"x\0y: 1\r\n\r\n",
]


@pytest.mark.parametrize("rest", SMUGGLED)
async def test_what_can_be_read_in_two_ways_is_refused(rest: bytes) -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        answer = read_answer(await running.send(HEAD + rest))
        assert answer.status in (400, 501)
        assert engine.requests == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(1, 60), max_size=30), st.booleans())
def test_a_request_may_come_in_any_pieces(cuts: list[int], chunked: bool) -> None:
    whole = HEAD + CHUNKED if chunked else HEAD + b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
    pieces, place = [], 0
    for cut in cuts:
        pieces.append(whole[place : place + cut])
        place += cut
    pieces.append(whole[place:])
    assert asyncio.run(_send(pieces)) == 200


async def _send(pieces: Sequence[bytes]) -> int:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            return read_answer(await reader.read()).status
        finally:
            writer.close()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_harm_it(data: bytes) -> None:
    async def check() -> int:
        async with gateway([1], deadlines=Deadlines(reading_seconds=0.05, idle_seconds=0.05)) as running:
            await running.send(data)
            return (await running.ask("/v1/models", method="GET")).status

    assert asyncio.run(check()) == 200


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        (b"x: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"".join(b"x%d: 1\r\n" % one for one in range(200)) + b"\r\n", 431),
        (b"content-length: 2000000\r\n\r\n", 413),
        (
            b"transfer-encoding: chunked\r\n\r\n" + 2 * (b"fffff\r\n" + b"a" * 0xFFFFF + b"\r\n"),
            413,
        ),
    ],
)
async def test_too_much_is_refused(extra: bytes, status: int) -> None:
    async with gateway([1]) as running:
        assert read_answer(await running.send(HEAD + extra)).status == status


async def test_a_client_that_never_ends_its_request_is_told_and_let_go() -> None:
    async with gateway([1], deadlines=Deadlines(reading_seconds=0.1)) as running:
        assert read_answer(await running.send(HEAD)).status == 408

        async def gone() -> bool:
            return not running.gate.clients

        await eventually_async(gone)


async def test_expect_is_answered_before_the_body() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        try:
            writer.write(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(BODY)
            assert read_answer(await reader.read()).status == 200
        finally:
            writer.close()


async def test_an_old_client_gets_a_stream_that_ends_with_the_connection() -> None:
    body = json.dumps(chat(stream=True)).encode()
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        head = b"POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
        answer = read_answer(await running.send(head + body))
    assert "transfer-encoding" not in answer.headers
    assert answer.body.rstrip().endswith(b"data: [DONE]")


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nSECRET", b"SECRET garbage"])
async def test_bytes_after_an_answer_reach_nobody(extra: bytes) -> None:
    """An engine (or somebody in between) that sends more than was asked for."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        await reader.readuntil(b"\r\n\r\n")
        answer = json.dumps({"model": "tiny-alpha", "choices": []}).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(answer)
        writer.write(head + answer + extra)
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, gateway([server.sockets[0].getsockname()[1]]) as running:
        for _ in range(3):
            data = await running.send(HEAD + b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY))
            assert b"SECRET" not in data
        assert running.running == 0
    assert served >= 3
