"""Lists and descriptions of models, as the official clients parse them; what is not known is left out."""

from __future__ import annotations

import json
import re
from typing import Any

import ollama
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Model

from keepwell.dialects import anthropic, openai
from keepwell.dialects.ollama import DIALECT
from keepwell.dialects.ollama.model_rows import FOR_EVER, NEVER
from keepwell.plugins.dialect import Endpoint, InMemory, Offered
from keepwell.plugins.model_facts import ModelFacts

TAGS = Endpoint(path=b"/api/tags", use="models")
LOADED = Endpoint(path=b"/api/ps", use="loaded")
SHOW = Endpoint(path=b"/api/show", use="show")
QWEN = Offered(
    name="Qwen/Qwen3-32B",
    context_tokens=32768,
    nodes=("gpu01",),
    dialects=("openai", "vllm"),
    held=(InMemory(node="gpu01", context_tokens=32768),),
    facts=ModelFacts(
        format="safetensors",
        family="qwen3",
        parameters=32_762_123_264,
        quantisation="BF16",
        trained_tokens=40960,
        width=5120,
        owner="vllm",
    ),
    size_bytes=65_524_246_528,
    can=("chat", "think", "tools"),
)
BARE = Offered(name="m")

names = st.text(min_size=1, max_size=20)
counts = st.integers(0, 2**62)
facts = st.builds(
    ModelFacts,
    format=st.sampled_from(["", "gguf", "safetensors"]),
    family=st.text(max_size=8),
    families=st.lists(names, max_size=2).map(tuple),
    parameters=counts,
    parameter_size=st.sampled_from(["", "7B"]),
    quantisation=st.text(max_size=8),
    width=counts,
    vocabulary=counts,
    trained_tokens=counts,
    owner=st.text(max_size=8),
)
held = st.builds(InMemory, node=names, size_bytes=counts, gpu_bytes=st.integers(-1, 2**62), context_tokens=counts)
offered = st.builds(
    Offered,
    name=names,
    context_tokens=counts,
    digest=st.sampled_from(["", "ab" * 32]),
    size_bytes=counts,
    modified_at=st.floats(0, 4e9),
    nodes=st.lists(names, max_size=2).map(tuple),
    held=st.lists(held, max_size=2).map(tuple),
    facts=facts,
    can=st.lists(st.sampled_from(["chat", "embed", "vision", "tools", "think"]), unique=True).map(tuple),
)


def render(endpoint: Endpoint, *models: Offered) -> Any:
    return json.loads(DIALECT.render_models(endpoint, models))


def test_a_model_of_vllm_as_ollama_lists_it() -> None:
    (row,) = render(TAGS, QWEN)["models"]
    assert row["details"] == {
        "parent_model": "",
        "format": "safetensors",
        "family": "qwen3",
        "families": ["qwen3"],
        "parameter_size": "32.8B",
        "quantization_level": "BF16",
    }
    assert (row["name"], row["model"], row["size"]) == ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B", 65_524_246_528)
    assert row["capabilities"] == ["completion", "tools", "thinking"]
    assert re.fullmatch("[0-9a-f]{64}", row["digest"])
    assert row["modified_at"] == NEVER


def test_a_model_of_vllm_in_memory_as_ollama_lists_it() -> None:
    (row,) = render(LOADED, QWEN)["models"]
    assert (row["context_length"], row["expires_at"], row["nodes"]) == (32768, FOR_EVER, ["gpu01"])
    assert row["size"] == 65_524_246_528, "of its files, since its engine tells no more"
    assert "size_vram" not in row


def test_a_model_of_vllm_as_ollama_shows_it() -> None:
    told = render(SHOW, QWEN)
    assert told["model_info"] == {
        "general.architecture": "qwen3",
        "general.parameter_count": 32_762_123_264,
        "qwen3.context_length": 32768,
        "qwen3.embedding_length": 5120,
    }
    assert told["capabilities"] == ["completion", "tools", "thinking"]
    assert (told["template"], told["parameters"].split()) == ("", ["num_ctx", "32768"])
    assert "FROM Qwen/Qwen3-32B\nPARAMETER num_ctx 32768\n" in told["modelfile"]


def test_what_nobody_knows_is_left_out() -> None:
    (row,) = render(TAGS, BARE)["models"]
    assert row["details"] == {"parent_model": ""}
    assert "capabilities" not in row
    told = render(SHOW, BARE)
    assert told["model_info"] == {"general.architecture": "unknown"}
    assert (told["capabilities"], told["parameters"]) == ([], "")
    assert "PARAMETER" not in told["modelfile"]
    assert render(LOADED, BARE) == {"models": []}
    listed = json.loads(openai.DIALECT.render_models(Endpoint(path=b"", use="model"), [BARE]))
    assert listed == {"id": "m", "object": "model", "created": 0, "owned_by": "keepwell"}


def test_digests_differ_and_stay() -> None:
    (first,), (again,) = render(TAGS, QWEN)["models"], render(TAGS, QWEN)["models"]
    assert first["digest"] == again["digest"]
    assert render(TAGS, BARE)["models"][0]["digest"] != first["digest"]
    assert render(TAGS, Offered(name="m", digest="d1"))["models"][0]["digest"] == "d1"


def test_what_clients_of_vllm_and_llamacpp_read_in_openais_list() -> None:
    (row,) = json.loads(openai.DIALECT.render_models(Endpoint(path=b"", use="models"), [QWEN]))["data"]
    assert (row["owned_by"], row["max_model_len"]) == ("vllm", 32768)
    assert row["meta"] == {
        "n_ctx": 32768,
        "n_ctx_train": 40960,
        "n_embd": 5120,
        "n_params": 32_762_123_264,
        "size": 65_524_246_528,
    }


@settings(max_examples=100)
@given(st.lists(offered, max_size=3))
def test_official_clients_parse_whatever_is_told(models: list[Offered]) -> None:
    listed = ollama.ListResponse(**render(TAGS, *models)).models
    assert [one.model for one in listed] == [one.name for one in models]
    assert all(len(one.digest or "") == 64 and one.modified_at for one in listed)
    loaded = ollama.ProcessResponse(**render(LOADED, *models)).models
    assert [one.model for one in loaded] == [one.name for one in models for _ in one.held]
    for one in models:
        shown = ollama.ShowResponse(**render(SHOW, one))
        assert shown.modelinfo is not None
        family = shown.modelinfo["general.architecture"]
        context = one.context_tokens or one.facts.trained_tokens
        assert shown.modelinfo.get(f"{family}.context_length", 0) == context
    rows = json.loads(openai.DIALECT.render_models(Endpoint(path=b"", use="models"), models))["data"]
    assert [Model.model_validate(one).id for one in rows] == [one.name for one in models]
    json.loads(anthropic.DIALECT.render_models(Endpoint(path=b"", use="models"), models))
