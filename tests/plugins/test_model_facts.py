"""What is known of a model, put together from whoever tells it; and which formats reach it."""

from __future__ import annotations

from typing import cast

import pytest

from keepwell.plugins.dialect import Dialect
from keepwell.plugins.model_facts import NOTHING_KNOWN, ModelFacts, describe_parameters, merge_facts
from keepwell.plugins.reach import find_reach, is_reached
from keepwell.plugins.registry import load_all

REACH = find_reach(cast("dict[str, Dialect]", load_all("dialects")))
VLLM = ("openai", "tokens", "vllm")


def test_each_fact_is_of_the_first_that_tells_it() -> None:
    first = ModelFacts(format="gguf", parameters=7)
    second = ModelFacts(format="safetensors", family="llama", families=("llama",))
    assert merge_facts((first, second)) == ModelFacts(format="gguf", parameters=7, family="llama", families=("llama",))
    assert merge_facts(()) == merge_facts((NOTHING_KNOWN,)) == NOTHING_KNOWN


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1_579_264, "1.58M"),
        (7_615_616_512, "7.6B"),
        (8_000_000_000, "8B"),
        (137_000_000, "137M"),
        (1_500, "2K"),
        (7, "7"),
        (0, ""),
    ],
)
def test_parameters_are_written_as_ollama_writes_them(count: int, text: str) -> None:
    assert describe_parameters(ModelFacts(parameters=count)) == text
    assert describe_parameters(ModelFacts(parameters=count, parameter_size="30B-A3B")) == "30B-A3B"


def test_formats_reach_each_other_by_what_both_can_say() -> None:
    assert REACH["ollama"]["openai"] == REACH["openai"]["ollama"]
    assert {"chat", "embed"} <= REACH["ollama"]["openai"]
    assert "embed" not in REACH["anthropic"]["openai"]
    assert "ollama" not in REACH["ollama"]
    assert REACH["tokens"] == {}


def test_a_model_is_reached_by_what_its_engines_speak_and_it_can() -> None:
    assert is_reached(REACH, "ollama", VLLM)
    assert is_reached(REACH, "anthropic", VLLM)
    assert is_reached(REACH, "ollama", VLLM, cannot=("chat",)), "it embeds"
    assert not is_reached(REACH, "anthropic", VLLM, cannot=("chat",))
    assert is_reached(REACH, "anthropic", ("anthropic",), cannot=("chat",)), "nothing is translated there"
    assert not is_reached(REACH, "ollama", ("tokens",))
    assert is_reached(REACH, "ollama", ()), "nobody knows"
