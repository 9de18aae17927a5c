"""Servers in the test's own loop, with what a test needs of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

from keepwell.bench.load import Prompt

PROMPT = Prompt(path="/v1/chat/completions", body=b'{"model":"m","stream":true}', model="m")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


TOKEN = chunk(b'data: {"choices":[{"index":0,"delta":{"content":"tok"},"finish_reason":null}]}\n\n')
DONE = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
STREAM = HEAD + TOKEN + TOKEN + DONE

Speak = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serve(speak: Speak) -> AsyncIterator[str]:
    """Hands each request to `speak`; the server's address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().rpartition(b"content-length: ")[2].split(b"\r\n")[0])
                await speak(head + await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
    """A stream of two tokens, at once."""
    writer.write(STREAM)


def let_pass(seconds: float) -> None:
    """Let time pass while nothing else is done: the loop reads nothing meanwhile."""
    end = monotonic() + seconds
    while monotonic() < end:
        pass
