"""What each engine's answers tell of how a model is made, and what a vLLM's paths, flags and files tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.engines.llamacpp.residency import ask_abilities as ask_llamacpp
from keepwell.engines.llamacpp.wire import list_models, name_quantisation
from keepwell.engines.ollama.residency import parse_abilities
from keepwell.engines.ollama.wire import find_owner
from keepwell.engines.ollama.wire import list_models as list_ollama
from keepwell.engines.vllm.abilities import ask_abilities, measure_files, parse_config, parse_paths
from keepwell.plugins.ask import Fields
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.model_facts import ModelFacts
from keepwell.testing.engine import FakeEngine
from keepwell.transport.local import LocalTransport
from tests.engines.kit import site_of


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("all F32", "F32"),
        ("F16", "F16"),
        ("Q4_K - Medium", "Q4_K_M"),
        ("Q3_K - Large", "Q3_K_L"),
        ("(guessed) Q6_K", "Q6_K"),
        ("IQ2_XXS - 2.0625 bpw", "IQ2_XXS"),
        ("MXFP4 MoE", "MXFP4 MoE"),
        ("", ""),
    ],
)
def test_llamacpps_words_for_quantisation(written: str, named: str) -> None:
    assert name_quantisation(written) == named


@pytest.mark.parametrize(
    ("name", "owner"), [("llama3:8b", "library"), ("ada/llama3", "ada"), ("hf.co/ada/llama3:Q4", "ada"), ("", "")]
)
def test_whose_ollamas_models_are(name: str, owner: str) -> None:
    assert find_owner(name) == owner


def test_what_ollama_shows() -> None:
    show = {
        "capabilities": ["completion", "thinking"],
        "details": {"format": "gguf", "family": "qwen3", "families": ["qwen3"], "quantization_level": "Q4_K_M"},
        "parameters": 'stop                           "<|im_end|>"\nnum_ctx                        8192',
        "model_info": {
            "general.architecture": "qwen3",
            "general.parameter_count": 8190735360,
            "qwen3.context_length": 40960,
            "qwen3.embedding_length": 4096,
        },
    }
    found = parse_abilities(Fields(data=show))
    assert found.can == {"chat", "think"}
    assert found.facts == ModelFacts(
        format="gguf",
        family="qwen3",
        families=("qwen3",),
        parameters=8190735360,
        quantisation="Q4_K_M",
        width=4096,
        trained_tokens=40960,
        usual_tokens=8192,
    )


async def test_what_lists_tell(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as engine:
        found = await list_ollama(site_of("ollama", engine.url), transport)
        assert not isinstance(found, Missing)
        assert (found[0].facts.format, found[0].facts.parameter_size, found[0].facts.owner) == (
            *("gguf", "1.58M"),
            "library",
        )
    async with FakeEngine("llamacpp") as engine:
        site = site_of("llamacpp", engine.url)
        listed = await list_models(site, transport)
        assert not isinstance(listed, Missing)
        assert (listed[0].facts.parameters, listed[0].facts.quantisation) == (1_579_264, "F32")
        able = await ask_llamacpp(site, transport, listed[0], embeds=True)
        assert not isinstance(able, Missing)
        assert "embed" in able.can
        assert "chat" not in able.can


@pytest.mark.parametrize(
    ("paths", "can", "cannot"),
    [
        (["/v1/chat/completions", "/v1/completions"], {"chat"}, {"embed"}),
        (["/v1/embeddings", "/pooling"], {"embed"}, {"chat"}),
        (["/v1/chat/completions", "/v1/embeddings"], set(), set()),
        ([], set(), set()),
    ],
)
def test_what_a_vllm_can_by_its_paths(paths: list[str], can: set[str], cannot: set[str]) -> None:
    assert parse_paths(Fields(data={"paths": {path: {} for path in paths}})) == (can, cannot)


def test_a_vllm_that_shows_no_paths_tells_nothing() -> None:
    assert parse_paths(absent("404")) == (frozenset(), frozenset())


def test_what_config_json_tells() -> None:
    told = {"model_type": "llama", "torch_dtype": "bfloat16", "hidden_size": 4096, "max_position_embeddings": 8192}
    found = parse_config(Fields(data=told))
    assert found == ModelFacts(family="llama", quantisation="BF16", width=4096, trained_tokens=8192)
    inner = {"model_type": "gemma3", "text_config": {"hidden_size": 7, "vocab_size": 9, "dtype": "float16"}}
    assert parse_config(Fields(data=inner)) == ModelFacts(family="gemma3", quantisation="F16", width=7, vocabulary=9)
    packed = {"torch_dtype": "float16", "quantization_config": {"quant_method": "awq"}}
    assert parse_config(Fields(data=packed)).quantisation == "AWQ"
    assert parse_config(Fields(data={"hidden_size": "x", "text_config": 7})) == ModelFacts()
    assert measure_files(absent("no")) == ModelFacts()


async def test_files_of_another_model_than_the_servers_own_are_left_alone(
    tmp_path: Path, transport: LocalTransport
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "vision_config": {"depth": 1}}))
    async with FakeEngine("vllm") as engine:
        site = site_of("vllm", engine.url)
        flags = {"--model": str(tmp_path), "--enable-auto-tool-choice": "true"}
        own = ModelInfo(name="m", path=str(tmp_path), context_tokens=2048)
        found = await ask_abilities(site, transport, own, flags, str(tmp_path))
        assert (found.facts.family, found.context_tokens) == ("llama", 2048)
        assert found.can >= {"tools", "vision"}
        adapter = await ask_abilities(site, transport, replace(own, path="/other"), flags, str(tmp_path))
        assert adapter.facts == ModelFacts()
        assert "vision" not in adapter.can
        unknown = await ask_abilities(site, transport, own, {}, "")
        assert (unknown.facts, "tools" in unknown.can) == (ModelFacts(), False)
