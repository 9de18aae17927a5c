"""Clients of a gateway: one request each, and what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import perf_counter

from faults.engine import MODEL, WORDS

WORD = re.compile(rb"w(\d\d\d) ")


@dataclass(slots=True)
class Volley:
    """What became of some requests: "well", "told" (half a stream and an error), "cut" (half a stream, the connection
    broke), "false end" (half a stream that looks whole), a status, "late" or the name of an error; and their seconds.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Requests that were not well."""
        return self.outcomes.total() - self.outcomes["well"]

    def slowest(self, share: float) -> float:
        """Milliseconds that this share of the requests took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def render_request(*, stream: bool) -> bytes:
    """The same for all."""
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hello " * 20}], "max_tokens": WORDS}
    body = json.dumps({**asked, "stream": stream}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def call(port: int, *, stream: bool, limit: float) -> tuple[str, float]:
    """One request on a connection of its own: what became of it, and seconds."""
    began = perf_counter()
    found, broke = b"", False
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(render_request(stream=stream))
            try:
                while got := await reader.read(65536):
                    found += got
            except ConnectionError:
                broke = True
    except TimeoutError:
        return "late", perf_counter() - began
    except OSError as error:
        return type(error).__name__, perf_counter() - began
    finally:
        if writer is not None:
            writer.close()
    return judge(found, broke=broke), perf_counter() - began


def judge(found: bytes, *, broke: bool) -> str:
    """What a client that knows the whole answer makes of these bytes."""
    if not found:
        return "nothing"
    status = found[9:12].decode("latin-1")
    if status != "200":
        return status
    numbers = [int(one) for one in WORD.findall(found)]
    if numbers == list(range(WORDS)) and not broke:
        return "well"
    if b'"error"' in found[-2000:] and b"[DONE]" not in found:
        return "told"
    if broke or not found.endswith(b"0\r\n\r\n"):
        return "cut"
    return "false end"


async def volley(port: int, count: int, at_once: int, *, stream: bool = False, limit: float = 10.0) -> Volley:
    """So many requests by so many clients."""
    made = Volley()
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            outcome, seconds = await call(port, stream=stream, limit=limit)
            made.outcomes[outcome] += 1
            made.seconds.append(seconds)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return made


@contextlib.asynccontextmanager
async def asked(port: int, *, stream: bool) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A request that is under way, and its connection, which may be closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(render_request(stream=stream))
    try:
        yield reader, writer
    finally:
        writer.close()
