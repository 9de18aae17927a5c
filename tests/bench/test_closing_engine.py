"""An engine that says that its connection stays, and closes it behind each stream, as real llama-server does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import repeat

from keepwell.bench.load import Aim, Load, Prompt
from keepwell.bench.measuring import measure

STREAM = b"".join(
    b"%x\r\n%b\r\n" % (len(event), event)
    for event in (
        b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"b"}}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n',
        b"data: [DONE]\n\n",
    )
)
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nkeep-alive: timeout=5\r\ntransfer-encoding: chunked\r\n\r\n"
)


@contextlib.asynccontextmanager
async def closing_engine() -> AsyncIterator[str]:
    """Its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            writer.write(HEAD + STREAM + b"0\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_no_request_is_lost_for_a_connection_that_was_closed() -> None:
    """Each is sent once more on a fresh one, and counted once; nobody waits for ever."""
    prompts = repeat(Prompt(path="/v1/chat/completions", body=b"{}", model="m"))
    async with closing_engine() as url:
        for load in (Load(clients=1, requests=3), Load(clients=2, requests=4)):
            async with asyncio.timeout(20):
                result = await measure(Aim(url=url), load, prompts, id="closing")
            assert len(result.rows) == load.requests
            assert list(result.rows["outcome"]) == [0.0] * load.requests
            assert dict(result.errors) == {}
