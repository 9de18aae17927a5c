"""What is known of how a model is made, as engines and its files tell it. What nobody tells is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

#: Numbers from which on a count of parameters is written in that unit, as Ollama writes it ("1.58M", "7.6B").
_UNITS = ((1_000_000_000, "B", 1), (1_000_000, "M", 2), (1_000, "K", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """ "" and 0 stand for what is not told.

    `format` is that of its files (gguf, safetensors), `family` its architecture in one word (llama, qwen3),
    `parameters` how many there are, `parameter_size` the same as the engine writes it, `quantisation` how they are kept
    (Q4_K_M, BF16), `width` the numbers of an embedding inside, `vocabulary` its tokens. `trained_tokens` is the longest
    context that it was made for, `usual_tokens` the one that it is loaded with unless a request names another.
    `size_bytes` are its files, `owner` whom its engine calls its owner.
    """

    format: str = ""
    family: str = ""
    families: tuple[str, ...] = ()
    parameters: int = 0
    parameter_size: str = ""
    quantisation: str = ""
    width: int = 0
    vocabulary: int = 0
    trained_tokens: int = 0
    usual_tokens: int = 0
    size_bytes: int = 0
    owner: str = ""


NOTHING_KNOWN = ModelFacts()


def merge_facts(told: Iterable[ModelFacts]) -> ModelFacts:
    """Each fact from the first that tells it."""
    found: dict[str, Any] = {}
    for one in told:
        for name in _NAMES:
            found[name] = found.get(name) or getattr(one, name)
    return ModelFacts(**found)


def describe_parameters(facts: ModelFacts) -> str:
    """How many parameters, as the engine writes it, else as Ollama would; "" where nobody knows."""
    if facts.parameter_size or not facts.parameters:
        return facts.parameter_size
    for unit, letter, digits in _UNITS:
        if facts.parameters >= unit:
            places: Mapping[bool, int] = {True: 0, False: digits}
            return f"{facts.parameters / unit:.{places[facts.parameters % unit == 0]}f}{letter}"
    return str(facts.parameters)


_NAMES = tuple(one.name for one in fields(ModelFacts))
