"""How answers end: an engine that stops in the middle, however it does, is never taken for one that was done."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.gateway.made import Answered, Running, chat, gateway

#: Parts of a stream of each dialect, the last one its end, and the answer that is not streamed.
STREAMS = {
    "/v1/chat/completions": [
        *(f'data: {{"model":"m","choices":[{{"delta":{{"content":"{one}"}}}}]}}\n\n' for one in "abcd"),
        "data: [DONE]\n\n",
    ],
    "/v1/messages": [
        'event: message_start\ndata: {"type":"message_start","message":{"model":"m"}}\n\n',
        *(f'event: content_block_delta\ndata: {{"delta":{{"text":"{one}"}}}}\n\n' for one in "abc"),
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ],
    "/api/chat": [
        *(json.dumps({"model": "m", "message": {"content": one}, "done": False}) + "\n" for one in "abcd"),
        '{"model":"m","done":true,"eval_count":4}\n',
    ],
}
ERRORS = {
    "/v1/chat/completions": 'data: {"error": {"message": "it died"}}\n\n',
    "/v1/messages": 'event: error\ndata: {"type":"error","error":{"message":"it died"}}\n\n',
    "/api/chat": '{"error":"it died"}\n',
}
WHOLE = b'{"model": "m", "choices": [{"message": {"content": "abcd"}}], "done": true}'
HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"


@contextlib.asynccontextmanager
async def engine(head: str, parts: Sequence[bytes], *, reset: bool = False) -> AsyncIterator[int]:
    """One that answers every request with these bytes, one write each, and closes; its port."""

    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            size = next(int(one[16:]) for one in asked.lower().split(b"\r\n") if one.startswith(b"content-length: "))
            await reader.readexactly(size)
            writer.write(HEAD.encode() + head.encode() + b"\r\n")
            for one in parts:
                writer.write(one)
                await writer.drain()
                await asyncio.sleep(0.002)  # each is read by itself
        if reset:
            writer.transport.abort()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*tasks)


async def ask(running: Running, path: str, *, stream: bool) -> Answered:
    return await running.ask(path, chat(stream=stream))


def framed(parts: Sequence[str]) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (len(one), one.encode()) for one in parts]


def is_told(answer: Answered, path: str) -> bool:
    """True if no client takes it for whole: an error in its words, or half an answer by its framing."""
    ends = [b"[DONE]", b"message_stop", b'"done":true', b'"done": true']
    return (
        not answer.whole
        or answer.status >= 500
        or (b'"error"' in answer.body and not any(e in answer.body for e in ends))
    )


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("way", ["chunked", "unframed"])
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("kept", [1, 3])
async def test_a_stream_that_stops_ends_in_an_error(path: str, way: str, reset: bool, kept: int) -> None:
    parts = STREAMS[path][:kept]
    head = {"chunked": "transfer-encoding: chunked\r\n", "unframed": "connection: close\r\n"}[way]
    sent = framed(parts)
    if way == "unframed":
        sent = [one.encode() for one in parts]
    async with engine(head, sent, reset=reset) as port, gateway([port]) as running:
        answer = await ask(running, path, stream=True)
        assert is_told(answer, path), answer
        assert running.running == 0
    assert running.told[0].error.startswith("replica_")


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("head", ["transfer-encoding: chunked\r\n", "connection: close\r\n", "content-length: 75\r\n"])
@pytest.mark.parametrize("size", [1, 40, len(WHOLE) - 1])
async def test_half_an_answer_is_an_error(path: str, head: str, size: int) -> None:
    half = WHOLE[:size]
    if "chunked" in head:
        half = b"%x\r\n%b\r\n" % (len(half), half)
    async with engine(head, [half]) as port, gateway([port]) as running:
        answer = await ask(running, path, stream=False)
        assert answer.status >= 500
        assert b"error" in answer.body
    assert running.told[0].retries == 0, "there is no other replica"


@pytest.mark.parametrize("path", STREAMS)
async def test_what_is_whole_passes_without_any_framing_too(path: str) -> None:
    sent = [one.encode() for one in STREAMS[path]]
    async with engine("connection: close\r\n", sent) as port, gateway([port]) as running:
        answer = await ask(running, path, stream=True)
        assert answer.whole
        assert answer.body == b"".join(sent)
    async with engine("connection: close\r\n", [WHOLE]) as port, gateway([port]) as running:
        answer = await ask(running, path, stream=False)
        assert (answer.status, answer.body) == (200, WHOLE)


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("cut", [0, 14, 20])
async def test_an_error_in_the_stream_counts_even_where_its_end_follows(path: str, cut: int) -> None:
    """And where it comes in two reads."""
    text = ERRORS[path]
    before, error, end = framed(STREAMS[path][:2]), framed([text])[0], framed(STREAMS[path][-1:])
    sent = [*before, error[:cut], error[cut:], *end, b"0\r\n\r\n"]
    async with engine("transfer-encoding: chunked\r\n", sent) as port, gateway([port]) as running:
        answer = await ask(running, path, stream=True)
        assert b"it died" in answer.body
        assert running.gate.scheduler.stations["box/0"].breaker.failures == 1
    assert running.told[0].error == "error_in_stream"
