"""A fake engine that costs almost nothing: `python -m gateways.engine PORT`, on loopback.

Speaks enough of OpenAI's interface for a gateway to pass on: an answer of `WORDS` numbered words, whole or streamed,
each word an event of its own, so that a client can prove that nothing was lost, doubled or out of order. `POST /pace`
with `[seconds to the first, seconds between]` makes streams come at a person's pace; `[0, 0]` all at once. Ollama's
`/api/chat` is always a stream, all at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from email.utils import formatdate
from typing import cast

import uvloop

MODEL = "bench-model"
WORDS = 64
_USAGE = {"prompt_tokens": 12, "completion_tokens": WORDS, "total_tokens": 12 + WORDS}
_FRAME = {"id": "chatcmpl-bench", "created": 1_750_000_000, "model": MODEL}


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _event(**more: object) -> bytes:
    data = b"data: " + _encode({**_FRAME, "object": "chat.completion.chunk", **more}) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _choice(delta: object, end: str | None = None) -> list[dict[str, object]]:
    return [{"index": 0, "delta": delta, "finish_reason": end}]


_TEXT = "".join(f"w{number:03d} " for number in range(WORDS))
_WHOLE = _encode(
    {
        **_FRAME,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
)
_MODELS = _encode({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "bench"}]})
_EVENTS = [
    *(_event(choices=_choice({"content": f"w{number:03d} "})) for number in range(WORDS)),
    _event(choices=_choice({}, "stop")),
    _event(choices=[], usage=_USAGE),
    b"e\r\ndata: [DONE]\n\n\r\n",
]
_STREAM = b"".join(_EVENTS) + b"0\r\n\r\n"


def _line(text: str, **more: object) -> bytes:
    """One of Ollama's, as it writes it."""
    made = {"model": MODEL, "created_at": "2025-06-15T15:06:40.123456789Z"}
    data = _encode({**made, "message": {"role": "assistant", "content": text}, **more}) + b"\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


_TIMES = {"total_duration": 9_000_000, "load_duration": 1_000_000, "prompt_eval_duration": 1_000_000}
_LINES = [
    *(_line(f"w{number:03d} ", done=False) for number in range(WORDS)),
    _line("", done=True, done_reason="stop", prompt_eval_count=12, eval_count=WORDS, **_TIMES),
]
_STREAM_OF_LINES = b"".join(_LINES) + b"0\r\n\r\n"


class Engine(asyncio.Protocol):
    """One connection. Heads carry a date and a server's name, as those of engines do."""

    pace = (0.0, 0.0)
    date_of = 0
    date = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A gateway connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.pending = b""
        self.task: asyncio.Task[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        """Requests with a content-length, or without a body; no other is sent here."""
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            head = self.pending[:end].lower()
            _, found, after = head.partition(b"content-length:")
            size = int(after.partition(b"\r\n")[0]) if found else 0
            if len(self.pending) < end + 4 + size:
                return
            body, self.pending = self.pending[end + 4 : end + 4 + size], self.pending[end + 4 + size :]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """One request, whole."""
        if head.startswith(b"post /pace"):
            Engine.pace = tuple(json.loads(body))
            self.transport.write(self.head(b"application/json", 2) + b"{}")
        elif head.startswith(b"get "):
            self.transport.write(self.head(b"application/json", len(_MODELS)) + _MODELS)
        elif head.startswith(b"post /api/chat"):
            self.transport.write(self.head(b"application/x-ndjson", -1) + _STREAM_OF_LINES)
        elif b'"stream":true' not in body.replace(b" ", b""):
            self.transport.write(self.head(b"application/json", len(_WHOLE)) + _WHOLE)
        elif Engine.pace == (0, 0):
            self.transport.write(self.head(b"text/event-stream", -1) + _STREAM)
        else:
            self.task = asyncio.get_running_loop().create_task(self.tell(*Engine.pace))

    async def tell(self, first: float, between: float) -> None:
        """A stream at this pace, from the instant at which it was asked for."""
        due = time.monotonic() + first
        await asyncio.sleep(first)
        self.transport.write(self.head(b"text/event-stream", -1))
        for event in _EVENTS:
            self.transport.write(event)
            due += between
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        self.transport.write(b"0\r\n\r\n")

    def head(self, kind: bytes, size: int) -> bytes:
        """Of an answer; chunked for -1."""
        now = int(time.time())
        if now != Engine.date_of:
            Engine.date_of, Engine.date = now, formatdate(now, usegmt=True).encode()
        framing = b"content-length: %d" % size if size >= 0 else b"transfer-encoding: chunked"
        return b"HTTP/1.1 200 OK\r\ndate: %b\r\nserver: bench\r\ncontent-type: %b\r\n%b\r\n\r\n" % (
            Engine.date,
            kind,
            framing,
        )


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Engine, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
