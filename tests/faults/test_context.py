"""Prompts that are longer than the context: llama-server refuses, Ollama cuts in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.testing.gym.carrying import carry_out
from keepwell.testing.real_engines import Ollama, make_llama_server
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import assert_named, assert_well

pytestmark = pytest.mark.real

#: 700 numbers of four digits: some 3,500 tokens for this model.
LONG_PROMPT = "0001 " * 700


def test_llama_server_refuses(world: World, model: Path) -> None:
    server = make_llama_server(world, model, more=["-c", "256"])
    server.start()
    refused = server.chat(LONG_PROMPT)
    assert refused.data["error"]["type"] == "exceed_context_size_error"
    answer = world.keepwell("diagnose")
    assert_named(answer, "prompt-exceeds-context", "context.fits")
    carry_out(world, answer)
    eventually(lambda: server.get("/health").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "context.fits")
    assert server.chat("0001 " * 150).status == 200


def test_ollama_cuts(ollama: Ollama, world: World) -> None:
    cut = ollama.chat(LONG_PROMPT, num_ctx=256)
    assert cut.status == 200
    assert cut.data["prompt_eval_count"] == 256
    answer = world.keepwell("diagnose")
    assert_named(answer, "prompt-exceeds-context", "context.fits")
    carry_out(world, answer)
    eventually(lambda: ollama.get("/api/version").status == 200, 20)
    assert ollama.chat("0001 " * 150).data["prompt_eval_count"] > 256
    assert_well(world.keepwell("diagnose"), "context.fits")
