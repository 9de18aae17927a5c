"""Engines that are well: found without configuration, and no cause above 0.5."""

from __future__ import annotations

import pytest

from keepwell.testing.real_engines import LlamaServer, Ollama
from keepwell.testing.world import World
from tests.faults.judging import likely_causes

pytestmark = pytest.mark.real


def test_a_healthy_llama_server(llama: LlamaServer) -> None:
    assert llama.chat().data["choices"][0]["message"]["content"] == " alpha 0001 0002 0003 0004"
    answer = llama.world.keepwell("diagnose")
    assert [one["url"] for one in answer["node"]["engines"]] == ["http://127.0.0.1:8080"]
    assert likely_causes(answer) == []


def test_a_healthy_ollama_with_its_model_in_memory(ollama: Ollama) -> None:
    assert ollama.chat().data["message"]["content"] == " alpha 0001 0002 0003 0004"
    answer = ollama.world.keepwell("diagnose")
    assert [one["url"] for one in answer["node"]["engines"]] == ["http://127.0.0.1:11434"]
    assert [one["name"] for one in answer["node"]["engines"][0]["loaded"]] == ["tiny-alpha:latest"]
    assert likely_causes(answer) == []


def test_nothing_runs_and_nothing_was_ever_there(world: World) -> None:
    answer = world.keepwell("diagnose")
    assert answer["node"]["engines"] == []
    assert likely_causes(answer) == []
