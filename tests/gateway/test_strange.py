"""Strange requests and strange answers of engines through a gateway that translates: an error in the client's own form,
or an answer that its reader takes; never silence, and the gateway serves the next one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from random import Random

import pytest

from keepwell.plugins.answer_events import Ended, Failed
from keepwell.plugins.codec import read_whole
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_http import BadRequest, read_request
from tests.dialects.golden_files import Golden, goldens_of, load_codecs, load_goldens
from tests.dialects.mutating import mutate
from tests.gateway.made import MODEL, Answered, Running, gateway, read_answer

CODECS = load_codecs()
#: What a client asks, and the format that the only engine speaks.
PAIRS = (
    ("/v1/chat/completions", "ollama"),
    ("/v1/completions", "ollama"),
    ("/v1/responses", "openai"),
    ("/v1/messages", "openai"),
    ("/v1/messages", "ollama"),
    ("/api/chat", "openai"),
    ("/api/generate", "openai"),
    ("/api/embed", "openai"),
    ("/api/embeddings", "openai"),
    ("/v1/embeddings", "ollama"),
)
HEADERS = ("anthropic-version: 2023-06-01", "content-type: application/json")
#: Where an engine of each format is asked for each kind.
ASKED = {
    "openai": {"chat": "/v1/chat/completions", "completion": "/v1/completions", "embed": "/v1/embeddings"},
    "ollama": {"chat": "/api/chat", "completion": "/api/generate", "embed": "/api/embed"},
}
EVERYDAY, LONG = 12, 400


@pytest.mark.parametrize(("path", "spoken"), PAIRS)
async def test_strange_requests(path: str, spoken: str) -> None:
    await ask_strangely(path, spoken, EVERYDAY)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("path", "spoken"), PAIRS)
async def test_many_strange_requests(path: str, spoken: str) -> None:
    await ask_strangely(path, spoken, LONG)


@pytest.mark.parametrize(("path", "spoken"), PAIRS)
async def test_strange_answers(path: str, spoken: str) -> None:
    await answer_strangely(path, spoken, EVERYDAY)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("path", "spoken"), PAIRS)
async def test_many_strange_answers(path: str, spoken: str) -> None:
    await answer_strangely(path, spoken, LONG)


async def ask_strangely(path: str, spoken: str, count: int) -> None:
    """So many strange requests, and then a good one."""
    random = Random(f"{path} {spoken}")
    goldens = named(goldens_of(path))
    bodies = [one.request for one in goldens]
    async with FakeEngine(spoken, switches=["able"]) as engine, gateway([engine.port], spoken=[[spoken]]) as running:
        for _ in range(count):
            body = mutate(random, random.choice(bodies), bodies)
            judge(path, await send(running, path, body), body)
        (good, *_) = [one for one in goldens if one.name.endswith(("text-whole", "-one"))]
        answer = await send(running, path, good.request)
        assert answer.status == 200, (answer, good.request)


async def answer_strangely(path: str, spoken: str, count: int) -> None:
    """So many strange answers of an engine to good requests."""
    random = Random(f"{path} {spoken} answers")
    questions = [one for one in named(goldens_of(path)) if one.good]
    codec = CODECS[path]
    kinds = {CODECS[path].read_request(one.request).kind: one for one in questions}
    assert kinds
    async with garbler() as (port, say), gateway([port], spoken=[[spoken]]) as running:
        for _ in range(count):
            question = random.choice(questions)
            kind = codec.read_request(question.request).kind
            known = [one for one in goldens_of(ASKED[spoken][kind]) if one.streams == question.streams]
            golden = random.choice(known or list(load_goldens()))
            body = mutate(random, golden.answer, [one.answer for one in known])
            say(golden, body)
            answer = await send(running, path, question.request)
            judge(path, answer, body)
            assert running.running == 0


async def send(running: Running, path: str, body: bytes) -> Answered:
    """One request; what came back within the client's patience."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}", *HEADERS, "connection: close"]
    return read_answer(await running.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body))


def judge(path: str, answer: Answered, body: bytes) -> None:
    """An error in the client's form, or an answer that its own reader takes to its end."""
    told = (answer.status, answer.body[:600], body[:3000])
    if answer.status != 200:
        assert 400 <= answer.status < 600, told
        error = json.loads(answer.body)["error"]
        if path.startswith("/api/"):
            assert isinstance(error, str), told
            assert error.strip(), told
        else:
            assert error["message"].strip(), told
        assert path != "/v1/messages" or json.loads(answer.body)["type"] == "error"
        return
    streams = answer.headers.get("content-type", "").startswith(("text/event-stream", "application/x-ndjson"))
    events = read_whole(CODECS[path], answer.body, stream=streams)
    assert isinstance(events[-1], (Ended, Failed)), told


def named(goldens: Sequence[Golden]) -> list[Golden]:
    """The same requests for the model of the gateway."""
    made = []
    for one in goldens:
        asked = one.asked
        if one.good and asked.get("model") in ("tiny-alpha", "tiny-vectors") and not one.name.endswith("unload"):
            made.append(replace(one, request=json.dumps({**asked, "model": MODEL}).encode()))
    return made


@asynccontextmanager
async def garbler() -> AsyncIterator[tuple[int, Callable[[Golden, bytes], None]]]:
    """A server that answers everything with what it was told last."""
    told: dict[str, bytes] = {}

    def say(golden: Golden, body: bytes) -> None:
        told["head"] = f"HTTP/1.1 200 OK\r\ncontent-type: {golden.content_type}\r\nconnection: close\r\n".encode()
        told["body"] = body

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(BadRequest):
            await read_request(reader)
        body = told.get("body", b"")
        writer.write(told.get("head", b"HTTP/1.1 404 Not Found\r\n") + b"content-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], say
