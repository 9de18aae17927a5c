"""A model server whose every turn is written beforehand: it speaks the real wire, and says wrong, malformed, endless or
malicious things on it. What it was asked is kept.

    python -m keepwell.testing.scripted_model --port 18080 SCRIPT.json    # a list of turns, see `read_turns`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.testing.fake_http import BadRequest, FakeAnswer, FakeRequest, json_answer, read_request, write_answer

#: A fixed time, so that two runs answer alike: 2026-01-01.
CREATED = 1_767_225_600
PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer. `text` in pieces of `piece` characters, then `calls` (name and arguments as they stand on the wire).

    `status` other than 200 is an error with `text` as its sentence; `raw` is sent as it is, as `content_type`.
    `endless` repeats the text until the client leaves, `pause` seconds lie between two pieces; `cut` ends the
    connection before the end; `whole` answers with one JSON object instead of a stream; `usage` is told at the end if
    it is there.
    """

    text: str = ""
    calls: tuple[tuple[str, object], ...] = ()
    status: int = 200
    raw: bytes | None = None
    content_type: str = "text/event-stream"
    piece: int = 40
    endless: bool = False
    pause: float = 0.0
    cut: bool = False
    whole: bool = False
    thoughts: str = ""
    finish: str = ""
    usage: tuple[int, int] | None = (1000, 50)


#: A turn, or what makes one of the request: a script that quotes what it was shown, say.
Step = Turn | Callable[[Mapping[str, object]], Turn]


@dataclass(slots=True)
class ScriptedModel:
    """Plays its turns in order, the last again and again; `asked` are the bodies of all conversations so far."""

    script: Sequence[Step]
    models: tuple[str, ...] = ("scripted",)
    asked: list[Mapping[str, object]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def answer(self, request: FakeRequest) -> FakeAnswer:
        """By path."""
        self.paths.append(f"{request.method} {request.path}")
        if request.path == "/v1/models":
            rows = [{"id": one, "object": "model", "created": CREATED, "owned_by": "nobody"} for one in self.models]
            return json_answer({"object": "list", "data": rows})
        if request.path != PATH or request.method != "POST":
            return json_answer({"error": {"message": "Not Found", "type": "not_found_error"}}, 404)
        body = request.json()
        self.asked.append(body)
        self.headers.append(request.headers)
        step = self.script[min(len(self.asked), len(self.script)) - 1]
        turn = step if isinstance(step, Turn) else step(body)
        return render_turn(turn, str(body.get("model", "")))

    def said(self, role: str) -> list[str]:
        """All texts that were sent to it in this role."""
        found: list[str] = []
        for body in self.asked:
            messages = body.get("messages")
            assert isinstance(messages, list)
            found += [str(one["content"]) for one in messages if one["role"] == role]
        return found

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Its address on this machine while the block lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            goes_on = True
            while goes_on:
                try:
                    request = await read_request(reader)
                except BadRequest:
                    break
                if request is None:
                    break
                goes_on = await write_answer(writer, self.answer(request), server="scripted")
        writer.close()


def render_turn(turn: Turn, model: str) -> FakeAnswer:
    """The turn on the wire."""
    if turn.raw is not None:
        return FakeAnswer(status=turn.status, body=turn.raw, content_type=turn.content_type)
    if turn.status != 200:
        return json_answer({"error": {"message": turn.text, "type": "server_error"}}, turn.status)
    if turn.whole:
        return _render_whole(turn, model)
    return FakeAnswer(content_type=turn.content_type, stream=_stream(turn, model))


def _render_whole(turn: Turn, model: str) -> FakeAnswer:
    message: dict[str, object] = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [_call(at, one) for at, one in enumerate(turn.calls)]
    choice = {"index": 0, "message": message, "finish_reason": _finish(turn)}
    body: dict[str, object] = {"id": "scripted", "object": "chat.completion", "created": CREATED, "model": model}
    return json_answer(body | {"choices": [choice]} | _usage(turn))


async def _stream(turn: Turn, model: str) -> AsyncGenerator[bytes | None, None]:
    head = {"id": "scripted", "object": "chat.completion.chunk", "created": CREATED, "model": model}

    def chunk(delta: Mapping[str, object], finish: str | None = None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({**head, "choices": [choice], **more}).encode() + b"\n\n"

    yield chunk({"role": "assistant", "content": ""})
    if turn.thoughts:
        yield chunk({"reasoning_content": turn.thoughts})
    while True:
        for start in range(0, len(turn.text), turn.piece):
            await asyncio.sleep(turn.pause)
            yield chunk({"content": turn.text[start : start + turn.piece]})
        if not turn.endless:
            break
    for at, one in enumerate(turn.calls):
        yield chunk({"tool_calls": [{"index": at, **_call(at, one)}]})
    if turn.cut:
        yield None
        return
    yield chunk({}, _finish(turn))
    if turn.usage is not None:
        yield b"data: " + json.dumps({**head, "choices": [], **_usage(turn)}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def _call(at: int, one: tuple[str, object]) -> dict[str, object]:
    name, arguments = one
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": text}}


def _finish(turn: Turn) -> str:
    return turn.finish or ("tool_calls" if turn.calls else "stop")


def _usage(turn: Turn) -> dict[str, object]:
    if turn.usage is None:
        return {}
    given, made = turn.usage
    return {"usage": {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}}


def answer_turn(*claims: tuple[str, Sequence[str]], cause: str = "unsure", **more: object) -> Turn:
    """A good answer by a call of the tool: claims with the ids that they cite."""
    rows = [{"text": text, "cites": list(ids)} for text, ids in claims]
    return Turn(calls=(("answer", {"claims": rows, "cause": cause, "not_checked": [], **more}),))


def look_turn(tool: str, **arguments: object) -> Turn:
    """A call of one tool."""
    return Turn(calls=((tool, arguments),))


def read_turns(content: bytes) -> list[Turn]:
    """Turns of a JSON list; each an object with fields of `Turn`, `calls` as a list of [name, arguments]."""
    rows = json.loads(content)
    return [Turn(**{**row, "calls": tuple((one[0], one[1]) for one in row.get("calls", ()))}) for row in rows]


async def _main(port: int, script: Path) -> None:
    async with ScriptedModel(read_turns(script.read_bytes())).serving(port) as url:
        print(f"a scripted model answers at {url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(given.port, given.script))
