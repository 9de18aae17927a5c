"""A server that answers chat requests with what was asked, after a known time, and fails in known shares of all asked.

Run as a process it listens on a port of loopback and writes a line for each request and each whole answer to a file, so
that who kills it or its client can tell afterwards what was asked how often:

    python -m keepwell.testing.batch_stub PORT LOG SEED SHARE-OF-EACH-FAULT MILLISECONDS [DEADLY-PROMPT]
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import msgspec

#: What may go wrong with a request: too many (429, with Retry-After), an error (500), no answer at all, an answer of
#: which half comes, an answer that ends in the midst of its JSON, a connection that ends.
FAULTS = ("overloaded", "server", "silent", "cut_body", "torn_json", "cut")
#: Seconds that a client is told to wait.
RETRY_AFTER = 0.05


@dataclass(slots=True)
class Plan:
    """How it answers: after `seconds`; which faults, each in a share of all requests; of which prompt it dies."""

    seconds: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1
    deadly: str = ""
    #: What it does then.
    die: Callable[[], None] = field(default_factory=lambda: partial(os._exit, 9))
    connections: set[asyncio.Transport] = field(default_factory=set)
    #: File to which a line is written for each request, -1 for none.
    log: int = -1
    #: The most that are answered at a time; those beyond are too many. 0: no such limit.
    most: int = 0
    asked: int = 0
    in_flight: int = 0
    highest: int = 0
    chance: random.Random = field(default_factory=random.Random)

    def note(self, what: str, prompt: str) -> None:
        """A line of the log."""
        if self.log >= 0:
            os.write(self.log, f"{what} {prompt}\n".encode())

    def choose(self) -> str:
        """What goes wrong with this request, "" for nothing."""
        drawn = self.chance.random()
        for name, share in self.faults.items():
            drawn -= share
            if drawn < 0:
                return name
        return ""


class _Message(msgspec.Struct):
    content: str = ""


class _Request(msgspec.Struct):
    messages: list[_Message]
    model: str = "stub"


_decode = msgspec.json.Decoder(_Request).decode


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._data = b""
        self._gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._plan.connections.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """They left."""
        self._gone = True
        self._plan.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._data[:end].lower().find(b"content-length: ")
        if at < 0:
            self._data = b""
            self._answer(404, b'{"error": {"message": "nothing is here"}}')
            return
        length = int(self._data[at + 16 : self._data.find(b"\r\n", at)])
        if len(self._data) >= end + 4 + length:
            body, self._data = self._data[end + 4 :], b""
            self._take(body)

    def _take(self, body: bytes) -> None:
        plan = self._plan
        asked = _decode(body)
        prompt = asked.messages[-1].content
        plan.asked += 1
        plan.note("asked", prompt)
        if plan.deadly and prompt == plan.deadly:
            plan.die()
            return
        fault = plan.choose()
        if plan.most and plan.in_flight >= plan.most:
            fault = "overloaded"
        if fault == "overloaded":
            self._answer(429, b'{"error": {"message": "too many"}}', b"retry-after: %g\r\n" % RETRY_AFTER)
            return
        plan.in_flight += 1
        plan.highest = max(plan.highest, plan.in_flight)
        asyncio.get_running_loop().call_later(plan.seconds, self._end, prompt, asked.model, fault)

    def _end(self, prompt: str, model: str, fault: str) -> None:
        self._plan.in_flight -= 1
        if self._gone or fault == "silent":
            return
        body = msgspec.json.encode(
            {
                "id": "stub",
                "object": "chat.completion",
                "model": model,
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": f"<{prompt}>"}, "finish_reason": "stop"}
                ],
                "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
            }
        )
        if fault == "cut":
            self._transport.abort()
        elif fault == "server":
            self._answer(500, b'{"error": {"message": "something broke"}}')
        elif fault == "torn_json":
            self._answer(200, body[: len(body) // 2])
        elif fault == "cut_body":
            self._answer(200, body, half=True)
        else:
            self._plan.note("answered", prompt)
            self._answer(200, body)

    def _answer(self, status: int, body: bytes, more: bytes = b"", *, half: bool = False) -> None:
        head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
        data = head % (status, more, len(body)) + body
        if half:
            self._transport.write(data[: -len(body) // 2])
            self._transport.close()
        else:
            self._transport.write(data)


async def listen(plan: Plan, port: int = 0) -> asyncio.Server:
    """A server of this plan on loopback; `server.sockets[0].getsockname()[1]` is its port."""
    plan.chance.seed(plan.seed)
    return await asyncio.get_running_loop().create_server(lambda: Stub(plan), "127.0.0.1", port, reuse_port=False)


async def serve(arguments: list[str]) -> None:
    """What the process does, by the words of its command line."""
    port, log, seed, faults, milliseconds, *deadly = arguments
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    shares = dict.fromkeys(FAULTS, float(faults))
    plan = Plan(
        seconds=float(milliseconds) / 1000, faults=shares, seed=int(seed), log=descriptor, deadly="".join(deadly)
    )
    server = await listen(plan, int(port))
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
