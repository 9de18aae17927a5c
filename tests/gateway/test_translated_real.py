"""Clients of one format on real engines of another: every word of the model's answer, its tokens, and who gave it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from keepwell.testing.tiny_model import TinyModel
from tests.engines.real import give, make_model, ollama
from tests.gateway.made import Answered
from tests.gateway.processes import gateway
from tests.gateway.test_real import ask, fleet
from tests.support import free_port

#: Words of each answer.
WORDS = 12
EXPECTED = " ".join(["alpha", *(f"{number:04d}" for number in range(1, WORDS))])
ASKED = {"model": "tiny-alpha", "messages": [{"role": "user", "content": "count"}]}


def lines_of(answer: Answered) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.body.splitlines()]


def test_a_client_of_ollama_on_a_real_llama_server(tmp_path: Path) -> None:
    """Chats and bare texts, streamed and whole; a model that is to be loaded; and what cannot be said."""

    async def check(port: int) -> list[Answered]:
        chat = {**ASKED, "options": {"num_predict": WORDS, "num_ctx": 4096}, "keep_alive": "5m"}
        raw = {"model": "tiny-alpha", "prompt": "count", "raw": True, "options": {"num_predict": WORDS}}
        asked = [
            ("/api/chat", chat),
            ("/api/chat", {**chat, "stream": False}),
            ("/api/generate", raw),
            ("/api/generate", {"model": "tiny-alpha"}),
            ("/api/generate", {"model": "tiny-alpha", "prompt": "on", "context": [1, 2, 3]}),
            ("/api/chat", {"model": "tiny-alpha", "messages": "none"}),
        ]
        return [await ask(port, *one) for one in asked]

    with fleet(tmp_path, [free_port()]) as (port, _):
        streamed, whole, raw, load, refused, unreadable = asyncio.run(check(port))
    for answer in (streamed, whole):
        lines = lines_of(answer)
        text = "".join(str(line["message"]["content"]) for line in lines)
        assert text.strip() == EXPECTED
        assert (lines[-1]["done"], lines[-1]["done_reason"], lines[-1]["eval_count"]) == (True, "length", WORDS)
        assert answer.headers["x-keepwell-translated"] == "ollama /api/chat > openai /v1/chat/completions"
        assert answer.headers["x-keepwell-dropped"] == "keep_alive, options.num_ctx"
        assert answer.headers["x-keepwell-model"] == "tiny-alpha"
        assert answer.headers["x-keepwell-proof"] in ("said", "verified")
    assert len(lines_of(streamed)) >= WORDS
    assert "".join(str(line["response"]) for line in lines_of(raw)).strip() == EXPECTED
    assert raw.headers["x-keepwell-translated"] == "ollama /api/generate > openai /v1/completions"
    assert lines_of(load)[0]["done_reason"] == "load"
    assert (refused.status, unreadable.status) == (400, 400)
    assert "cannot say context" in refused.data["error"]


@pytest.mark.real
@pytest.mark.long
def test_a_client_of_anthropic_on_a_real_ollama_that_does_not_know_it(tmp_path: Path) -> None:
    async def check(port: int) -> list[Answered]:
        asked = {**ASKED, "max_tokens": WORDS, "metadata": {"user_id": "ada"}}
        return [await ask(port, "/v1/messages", {**asked, "stream": stream}) for stream in (True, False)]

    with ollama(tmp_path) as engine:
        give(engine, make_model(tmp_path / "alpha.gguf", TinyModel(tag="alpha")), "tiny-alpha", num_thread=1)
        with gateway(tmp_path, [("ollama", int(engine.url.rpartition(":")[2]))]) as running:
            streamed, whole = asyncio.run(check(running.port))
    assert "".join(one["text"] for one in whole.data["content"]).strip() == EXPECTED
    assert whole.data["usage"]["output_tokens"] == WORDS
    assert whole.data["stop_reason"] == "max_tokens"
    rows = [json.loads(line[6:]) for line in streamed.body.decode().split("\n") if line.startswith("data: ")]
    assert "".join(one["delta"].get("text", "") for one in rows if "delta" in one).strip() == EXPECTED
    assert rows[-1]["type"] == "message_stop"
    for answer in (streamed, whole):
        assert answer.headers["x-keepwell-translated"] == "anthropic /v1/messages > ollama /api/chat"
        assert answer.headers["x-keepwell-dropped"] == "user"
