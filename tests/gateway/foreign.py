"""Engines that speak one format alone, byte by byte: streams of each, whole answers, errors, and how they break."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from tests.gateway.made import MODEL, Answered
from tests.gateway.wire import Message, stub

WORDS = ("one ", "two ", "three")
TEXT = "".join(WORDS)
#: A path of each format, in which clients ask here and engines answer.
PATHS = {"openai": "/v1/chat/completions", "ollama": "/api/chat", "anthropic": "/v1/messages"}
#: What only a whole stream of each has.
ENDS = {"openai": b"[DONE]", "ollama": b'"done":true', "anthropic": b"message_stop"}


def _data(value: object, name: str = "") -> str:
    event = f"event: {name}\n" * bool(name)
    return f"{event}data: {json.dumps(value)}\n\n"


def _chunk(delta: object, end: str | None = None, **more: object) -> str:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return _data({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": end}], **more})


_COUNTED = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
_MESSAGE = {"id": "m1", "type": "message", "role": "assistant", "model": MODEL, "stop_sequence": None}
#: Streams, an event each.
STREAMS: dict[str, list[str]] = {
    "openai": [
        _chunk({"role": "assistant"}),
        *(_chunk({"content": one}) for one in WORDS),
        _chunk({}, "stop"),
        _data({"id": "c1", "object": "chat.completion.chunk", "model": MODEL, "choices": [], "usage": _COUNTED}),
        "data: [DONE]\n\n",
    ],
    "ollama": [
        *(
            json.dumps({"model": MODEL, "message": {"role": "assistant", "content": one}, "done": False})
            for one in WORDS
        ),
        json.dumps(
            {
                "model": MODEL,
                "message": {"role": "assistant", "content": ""},
                "done": True,
                "done_reason": "stop",
                "prompt_eval_count": 7,
                "eval_count": 3,
                "total_duration": 9,
                "load_duration": 1,
            }
        ),
    ],
    "anthropic": [
        _data(
            {
                "type": "message_start",
                "message": {
                    **_MESSAGE,
                    "content": [],
                    "stop_reason": None,
                    "usage": {"input_tokens": 7, "output_tokens": 0},
                },
            },
            "message_start",
        ),
        _data(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            "content_block_start",
        ),
        *(
            _data(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}},
                "content_block_delta",
            )
            for one in WORDS
        ),
        _data({"type": "content_block_stop", "index": 0}, "content_block_stop"),
        _data(
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            "message_delta",
        ),
        _data({"type": "message_stop"}, "message_stop"),
    ],
}
STREAMS["ollama"] = [f"{one}\n" for one in STREAMS["ollama"]]
WHOLE: dict[str, object] = {
    "openai": {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "usage": _COUNTED,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    },
    "ollama": {
        "model": MODEL,
        "message": {"role": "assistant", "content": TEXT},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 7,
        "eval_count": 3,
    },
    "anthropic": {
        **_MESSAGE,
        "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 3},
    },
}
ERRORS: dict[str, object] = {
    "openai": {"error": {"message": "out of memory", "type": "server_error", "code": None}},
    "ollama": {"error": "out of memory"},
    "anthropic": {"type": "error", "error": {"type": "api_error", "message": "out of memory"}},
}
#: The same in a stream that was begun.
ALARMS = {
    "openai": _data(ERRORS["openai"]),
    "ollama": json.dumps(ERRORS["ollama"]) + "\n",
    "anthropic": _data(ERRORS["anthropic"], "error"),
}
_KINDS = {"openai": "text/event-stream", "ollama": "application/x-ndjson", "anthropic": "text/event-stream"}


@dataclass
class Foreign:
    """How one answers. `kept` is how many events of its stream it sends (all by default), `then` what follows them;
    with `cut` it breaks the connection there, when `silent` it says nothing more. `pause` seconds lie between two
    events, `late` before all. Its first word comes so many `times`, in large writes; a whole text too.
    """

    spoken: str
    status: int = 200
    kept: int = 1000
    then: str = ""
    cut: bool = False
    chunked: bool = True
    pause: float = 0.0
    late: float = 0.0
    silent: bool = False
    times: int = 1
    model: str = MODEL
    headers: Sequence[str] = ()
    #: What it was asked, in order.
    asked: list[Message] = field(default_factory=list)
    port: int = 0
    #: Set once a client's connection was lost in the middle.
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(
        self, number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """As its format has it."""
        if request.first[0] != b"POST":  # whoever looks what listens on this machine
            self._head(writer, "application/json", b"{}")
            return True
        self.asked.append(request)
        asked = json.loads(request.body)
        await asyncio.sleep(self.late)
        if self.status != 200:
            self._head(writer, "application/json", self._named(json.dumps(ERRORS[self.spoken])))
            return True
        if not asked.get("stream", self.spoken == "ollama"):
            body = self._named(json.dumps(WHOLE[self.spoken]).replace(TEXT, TEXT * self.times))
            self._head(writer, "application/json", body[: len(body) // 2] if self.cut else body, len(body))
            return not self.cut
        self._head(writer, _KINDS[self.spoken], None)
        for event in [*STREAMS[self.spoken][: self.kept], *[self.then] * bool(self.then)]:
            data = self._named(event)
            if WORDS[0] in event:
                data *= self.times
            writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)
            await writer.drain()
            if await self._is_gone(reader):
                self.left.set()
                return False
        if self.silent:
            await reader.read(1)
        if self.cut or self.silent:
            return False
        writer.write(b"0\r\n\r\n" * self.chunked)
        return self.chunked

    async def _is_gone(self, reader: asyncio.StreamReader) -> bool:
        if not self.pause:
            await asyncio.sleep(0)
            return False
        try:
            async with asyncio.timeout(self.pause):
                return not await reader.read(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def _named(self, text: str) -> bytes:
        return text.replace(MODEL, self.model).encode()

    def _head(self, writer: asyncio.StreamWriter, kind: str, body: bytes | None, size: int = -1) -> None:
        lines = [f"HTTP/1.1 {self.status} X", f"content-type: {kind}", *self.headers]
        if body is not None:
            lines.append(f"content-length: {size if size >= 0 else len(body)}")
        elif self.chunked:
            lines.append("transfer-encoding: chunked")
        else:
            lines.append("connection: close")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))


@contextlib.asynccontextmanager
async def foreign(spoken: str, **how: object) -> AsyncIterator[Foreign]:
    """One engine."""
    made = Foreign(spoken, **how)
    async with stub(made.answer) as running:
        made.port = running.port
        yield made
    assert running.wrong == []


def ask_of(form: str, *, stream: bool, **more: object) -> dict[str, object]:
    """A request in this format."""
    asked: dict[str, object] = {"model": MODEL, "messages": [{"role": "user", "content": "count"}], "stream": stream}
    if form == "anthropic":
        asked["max_tokens"] = 9
    return {**asked, **more}


def read_text(form: str, answer: Answered, *, stream: bool) -> str:
    """What a client of this format reads in an answer; it takes nothing else than its own."""
    if form == "ollama":
        return "".join(json.loads(line)["message"]["content"] for line in answer.body.splitlines())
    if not stream and form == "openai":
        return str(answer.data["choices"][0]["message"]["content"])
    if not stream:
        return "".join(one["text"] for one in answer.data["content"])
    rows = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: {")]
    if form == "openai":
        return "".join(one["delta"].get("content") or "" for row in rows for one in row["choices"])
    return "".join(row["delta"].get("text", "") for row in rows if row["type"] == "content_block_delta")


def read_error(form: str, answer: Answered) -> str:
    """The sentence of an error in this format."""
    if form == "ollama":
        return str(answer.data["error"])
    assert form != "anthropic" or answer.data["type"] == "error"
    return str(answer.data["error"]["message"])
