"""What Ollama's clients are told of models, those of other engines among them: rows of `/api/tags` and `/api/ps`, and
the answer of `/api/show`.

Fields that nobody knows are left out, but for those that the format always has and whose clients stop without them:
`size` (0), `modified_at` (year 1, which Ollama's own client shows as "Never"), `digest` (made of what is known, since
clients print its first twelve characters), and `expires_at` of a model whose engine tells no time to leave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from keepwell.plugins.asked import Json
from keepwell.plugins.dialect import InMemory, Offered
from keepwell.plugins.model_facts import ModelFacts, describe_parameters

#: Go's zero time, which Ollama's clients know as none.
NEVER = "0001-01-01T00:00:00Z"
#: When a model leaves that is to stay for ever: 290 years on, as Ollama itself writes it.
FOR_EVER = "2318-01-01T00:00:00Z"
#: Our words for what a model can and Ollama's (types/model/capability.go), in its order.
_WORDS = {"chat": "completion", "tools": "tools", "vision": "vision", "embed": "embedding", "think": "thinking"}
#: The architecture of a model of which nobody tells it: clients look up the context by this word.
UNKNOWN = "unknown"
#: Where the value begins in the lines of `parameters`.
_COLUMN = 31


def render_row(one: Offered) -> dict[str, Json]:
    """A row of `/api/tags`."""
    row: dict[str, Json] = {
        "name": one.name,
        "model": one.name,
        "modified_at": render_time(one.modified_at),
        "size": one.size_bytes,
        "digest": one.digest or make_digest(one),
        "details": render_details(one.facts),
        "nodes": one.nodes,
    }
    if one.can:
        row["capabilities"] = name_abilities(one)
    return row


def render_held(one: Offered, held: InMemory) -> dict[str, Json]:
    """A row of `/api/ps`; `size` is what the engine says that it takes in memory, else that of its files."""
    row = render_row(one) | {"size": held.size_bytes or one.size_bytes, "nodes": [held.node]}
    row["expires_at"] = FOR_EVER
    if held.expires_at:
        row["expires_at"] = render_time(held.expires_at)
    if held.gpu_bytes >= 0:
        row["size_vram"] = held.gpu_bytes
    if held.context_tokens:
        row["context_length"] = held.context_tokens
    return row


def render_description(one: Offered) -> dict[str, Json]:
    """The answer of `/api/show`. The template is the engine's affair, and so is not told."""
    parameters = ""
    if one.context_tokens:
        parameters = f"{'num_ctx':<{_COLUMN}}{one.context_tokens}"
    lines = [f"# Modelfile made by keepwell: {one.name} is not served by Ollama", f"FROM {one.name}"]
    if one.context_tokens:
        lines.append(f"PARAMETER num_ctx {one.context_tokens}")
    return {
        "modelfile": "\n".join(lines) + "\n",
        "parameters": parameters,
        "template": "",
        "details": render_details(one.facts),
        "model_info": render_info(one),
        "capabilities": name_abilities(one),
        "modified_at": render_time(one.modified_at),
    }


def render_details(facts: ModelFacts) -> dict[str, Json]:
    """What is known of `details`."""
    told: Mapping[str, Json] = {
        "format": facts.format,
        "family": facts.family,
        "families": facts.families or (facts.family,) * bool(facts.family),
        "parameter_size": describe_parameters(facts),
        "quantization_level": facts.quantisation,
    }
    return {"parent_model": "", **{name: value for name, value in told.items() if value}}


def render_info(one: Offered) -> dict[str, Json]:
    """What is known of `model_info`: the context is what a request has room for, else what the model was made for."""
    facts, family = one.facts, one.facts.family or UNKNOWN
    told: Mapping[str, Json] = {
        "general.parameter_count": facts.parameters,
        f"{family}.context_length": one.context_tokens or facts.trained_tokens,
        f"{family}.embedding_length": facts.width,
        f"{family}.vocab_size": facts.vocabulary,
    }
    return {"general.architecture": family, **{name: value for name, value in told.items() if value}}


def name_abilities(one: Offered) -> list[str]:
    """What it can, as far as its engines tell, in Ollama's words."""
    return [word for ability, word in _WORDS.items() if ability in one.can]


def make_digest(one: Offered) -> str:
    """In the place of a digest that nobody tells: the same for as long as name, size and time of change are."""
    return hashlib.sha256(f"{one.name}\n{one.size_bytes}\n{one.modified_at}".encode()).hexdigest()


def render_time(seconds: float) -> str:
    """An instant; `NEVER` for one that is not told."""
    if not seconds:
        return NEVER
    return datetime.fromtimestamp(seconds, UTC).isoformat()
