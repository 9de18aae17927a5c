"""What an engine can say and do about models in memory: capabilities beside those of `plugins.engine`.

All requests are made here as data; whoever owns the models sends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from keepwell.config.gateway_model import OptionValue
from keepwell.core.observation import Missing
from keepwell.plugins.chat import Call
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.model_facts import NOTHING_KNOWN, ModelFacts
from keepwell.plugins.place import Site
from keepwell.transport.base import Transport

#: What a model may be able to do, beside what only one engine has a word for.
Ability: TypeAlias = Literal["chat", "embed", "vision", "tools", "think"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a model can, as its engine tells: words of `Ability` in `can` and `cannot`; what is in neither is not known.

    `context_tokens` is the longest context that it can be asked with there, 0 if not told. `facts` are what was learned
    of it on the way.
    """

    can: frozenset[str] = frozenset()
    cannot: frozenset[str] = frozenset()
    context_tokens: int = 0
    facts: ModelFacts = NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """How a model is to be loaded, and for how long: seconds after its last request, negative for ever.

    `options` are values of `LoadsModels.reload_options`; what is not named is the engine's own choice. `embeds`: the
    model is one that only embeds. `context_tokens` is the context that it had when it was in memory before, 0 for what
    the options or the engine say.
    """

    seconds: float = -1.0
    embeds: bool = False
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    context_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryAsk:
    """A short answer that is wanted of a model that is in memory, the same each time: greedy, with a fixed seed.

    `options` are those that it was loaded with, `context_tokens` its context (0: not known), `keep_seconds` how much
    longer it was to stay (negative: for ever, 0: not known), so that asking changes none of them.
    """

    model: str
    prompt: str
    tokens: int
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    context_tokens: int = 0
    keep_seconds: float = 0.0


@runtime_checkable
class TellsAbilities(Protocol):
    """An engine that can say what a model can, without loading it."""

    async def abilities(self, site: Site, transport: Transport, model: ModelInfo) -> Abilities | Missing:
        """What this model can."""
        ...


@runtime_checkable
class LoadsModels(Protocol):
    """An engine that loads and unloads models on demand.

    `reload_options` are names of options of a request by which it loads a model that is in memory already anew.
    """

    reload_options: tuple[str, ...]

    def load(self, model: str, stay: Stay) -> Call:
        """The request that loads a model, or lets one that is loaded stay. It generates nothing. Pure."""
        ...

    def unload(self, model: str) -> Call:
        """The request that frees its memory, once what it works on is done. Pure."""
        ...


@runtime_checkable
class HoldsModels(Protocol):
    """An engine that keeps a known number of models in memory at once."""

    def models_at_once(self, settings: Mapping[str, str]) -> int:
        """From its settings in force by name; 0 if it cannot be told. Pure."""
        ...


@runtime_checkable
class LimitsByDefault(Protocol):
    """An engine that works on a known number of requests at once where no setting says otherwise."""

    def usual_limit(self, version: str) -> int:
        """For one model of an engine of this release; 0 if it cannot be told. Pure."""
        ...


@runtime_checkable
class AnswersCanaries(Protocol):
    """An engine whose answers to a fixed prompt can be compared from one time to the next."""

    def canary(self, ask: CanaryAsk) -> Call:
        """The request for it. Pure."""
        ...


def openai_canary(ask: CanaryAsk) -> Call:
    """The request in the OpenAI form: a completion, since no template then stands between prompt and weights."""
    body = {
        "model": ask.model,
        "prompt": ask.prompt,
        "max_tokens": ask.tokens,
        "temperature": 0,
        "seed": 1,
        "logprobs": 1,
        "stream": False,
    }
    return Call(method="POST", path="/v1/completions", body=msgspec.json.encode(body))
