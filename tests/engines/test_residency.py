"""What engines say of models in memory: how many requests, which abilities, how they are loaded and freed."""

from __future__ import annotations

import json

import pytest

from keepwell.core.observation import Missing
from keepwell.engines.ollama.residency import parse_abilities
from keepwell.plugins.ask import Fields
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.residency import (
    AnswersCanaries,
    CanaryAsk,
    HoldsModels,
    LimitsByDefault,
    LoadsModels,
    Stay,
    TellsAbilities,
)
from keepwell.testing.engine import FakeEngine
from keepwell.transport.local import LocalTransport
from tests.engines.kit import plug_in, site_of


@pytest.mark.parametrize(
    ("version", "limit"),
    [("0.1.48", 1), ("0.2.0", 4), ("0.6.6", 4), ("0.6.7", 2), ("0.9.6", 2), ("0.10.0", 1), ("0.33.0", 1), ("", 0)],
)
def test_requests_at_once_where_no_setting_says_so(version: str, limit: int) -> None:
    plugin = plug_in("ollama")
    assert isinstance(plugin, LimitsByDefault)
    assert plugin.usual_limit(version) == limit


def test_models_at_once() -> None:
    ollama, llama = plug_in("ollama"), plug_in("llamacpp")
    assert isinstance(ollama, HoldsModels)
    assert isinstance(llama, HoldsModels)
    assert ollama.models_at_once({"OLLAMA_MAX_LOADED_MODELS": "2"}) == 2
    assert ollama.models_at_once({}) == 0
    assert llama.models_at_once({"LLAMA_ARG_MODELS_DIR": "/m"}) == 4
    assert llama.models_at_once({"LLAMA_ARG_MODELS_DIR": "/m", "LLAMA_ARG_MODELS_MAX": "1"}) == 1
    assert llama.models_at_once({"LLAMA_ARG_MODEL": "/m/a.gguf"}) == 0


def test_what_a_model_can() -> None:
    show = {
        "capabilities": ["completion", "tools", "insert"],
        "model_info": {"general.architecture": "llama", "llama.context_length": 4096},
    }
    found = parse_abilities(Fields(data=show))
    assert (found.can, found.cannot, found.context_tokens) == ({"chat", "tools"}, {"vision"}, 4096)
    only = parse_abilities(Fields(data={"capabilities": ["embedding"]}))
    assert (only.can, only.cannot) == ({"embed"}, {"chat", "vision", "tools"})
    old = parse_abilities(Fields(data={"model_info": 7}))
    assert (old.can, old.cannot, old.context_tokens) == (frozenset(), frozenset(), 0), "an old release tells nothing"


@pytest.mark.parametrize("name", ["ollama", "llamacpp", "vllm"])
async def test_abilities_are_asked_without_a_fault(name: str, transport: LocalTransport) -> None:
    plugin = plug_in(name)
    assert isinstance(plugin, TellsAbilities)
    async with FakeEngine(name) as engine:
        site = site_of(name, engine.url)
        found = await plugin.abilities(site, transport, ModelInfo(name=engine.state.models[0].name))
        assert not isinstance(found, Missing)
        assert not any(one.path.endswith(("generate", "chat", "load")) for one in engine.requests), "nothing is loaded"


def test_how_a_model_is_loaded_and_freed() -> None:
    plugin = plug_in("ollama")
    assert isinstance(plugin, LoadsModels)
    call = plugin.load("m", Stay(options={"num_ctx": 8192}))
    assert (call.path, json.loads(call.body)) == (
        "/api/generate",
        {"model": "m", "keep_alive": -1, "options": {"num_ctx": 8192}},
    )
    assert plugin.load("m", Stay(embeds=True)).path == "/api/embed"
    assert json.loads(plugin.load("m", Stay(seconds=0.2)).body)["keep_alive"] == 1
    assert json.loads(plugin.unload("m").body) == {"model": "m", "keep_alive": 0}
    router = plug_in("llamacpp")
    assert isinstance(router, LoadsModels)
    assert (router.load("m", Stay()).path, router.unload("m").path) == ("/models/load", "/models/unload")
    assert "num_ctx" in plugin.reload_options
    assert router.reload_options == ()


@pytest.mark.parametrize("name", ["ollama", "llamacpp", "vllm", "openai"])
def test_a_canary_changes_neither_context_nor_stay(name: str) -> None:
    plugin = plug_in(name)
    assert isinstance(plugin, AnswersCanaries)
    call = plugin.canary(CanaryAsk(model="m", prompt="x", tokens=4, context_tokens=2048, keep_seconds=90.4))
    body = json.loads(call.body)
    options = body.get("options", body)
    assert (body["model"], body["prompt"], body["stream"]) == ("m", "x", False)
    assert (options["temperature"], options["seed"]) == (0, 1)
    assert body.get("keep_alive", 90) == 90
    assert options.get("num_ctx", 2048) == 2048
