"""The `options` of a request, and the settings beside them that all of Ollama's paths have.

Types as in `api/types.go` of Ollama: whole numbers may be written as 40.0; null is not set. What is not given stays
so: the engine's defaults differ from OpenAI's (temperature 0.8, top_p 0.9, top_k 40), and are the engine's affair.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from keepwell.plugins.asked import Asked, Json, Shape
from keepwell.plugins.codec import Unreadable

#: Settings of sampling by their name in `Asked`, and there: the same but for one.
_WHOLE = ("top_k", "seed")
_NUMBERS = (
    "temperature", "top_p", "min_p", "frequency_penalty", "presence_penalty", "repeat_penalty",
)  # fmt: skip
LIMIT = "num_predict"
#: The rest of today's options (Ollama 0.33) and of earlier ones (0.1 to 0.9), which stay in `Asked.options`;
#: `shift` stands beside the options, and -1 and -2 as `num_predict` mean "no limit", which is no number of tokens.
OPTIONS = frozenset(
    {
        LIMIT, "shift", "num_keep", "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread",
        "draft_num_predict", "typical_p", "repeat_last_n", "tfs_z", "mirostat", "mirostat_tau", "mirostat_eta",
        "penalize_newline", "numa", "num_gqa", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mlock",
        "embedding_only", "rope_frequency_base", "rope_frequency_scale",
    }
)  # fmt: skip
#: Fields of `Asked` that every request with options can say.
SAMPLING = frozenset({*_WHOLE, *_NUMBERS, "max_tokens", "stop"})
#: ... and those that `Answering` has beside them.
ANSWERING = SAMPLING | {"shape", "think", "keep_alive", "logprobs", "truncate"}
#: How hard may be thought, and what other formats' words come nearest ("max" since 0.22).
_EFFORTS: Mapping[str, bool | str] = {
    "none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high", "max": "max", "xhigh": "high",
}  # fmt: skip
_KNOWN_EFFORTS = frozenset({"low", "medium", "high", "max"})
#: `top_logprobs` of more is refused by Ollama.
MOST_ALTERNATIVES = 20


class Answering(msgspec.Struct):
    """What requests for an answer have in common."""

    model: str | None = None
    stream: bool | None = None
    format: Json = None
    keep_alive: float | int | str | None = None
    options: dict[str, Json] | None = None
    think: bool | str | None = None
    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


def read_answering(said: Answering) -> dict[str, Any]:
    """The fields of `Asked` that it sets. Raises Unreadable."""
    if not said.model:
        raise Unreadable("model is required")
    fields = read_options(said.options or {})
    if said.shift is not None:
        fields["options"]["shift"] = said.shift
    return fields | {
        "model": said.model,
        "stream": said.stream is not False,
        "shape": _read_shape(said.format),
        "think": _read_think(said.think),
        "keep_alive": said.keep_alive,
        "logprobs": _read_logprobs(said),
        "truncate": said.truncate,
    }


def read_options(given: Mapping[str, Json]) -> dict[str, Any]:
    """Options as fields of `Asked`; "options" is always among them. Raises Unreadable."""
    rest = {name: value for name, value in given.items() if value is not None}
    fields: dict[str, Any] = {"options": rest}
    for name in _WHOLE:
        if name in rest:
            fields[name] = _whole(name, rest.pop(name))
    for name in _NUMBERS:
        if name in rest:
            fields[name] = _number(name, rest.pop(name))
    if "stop" in rest:
        fields["stop"] = _texts("stop", rest.pop("stop"))
    limit = rest.get(LIMIT)
    if limit is not None and _whole(LIMIT, limit) > 0:
        fields["max_tokens"] = _whole(LIMIT, rest.pop(LIMIT))
    return fields


def write_answering(asked: Asked) -> dict[str, Json]:
    """The fields of a request that say it."""
    fields: dict[str, Json] = {"model": asked.model, "stream": asked.stream}
    if asked.shape is not None:
        fields["format"] = _write_shape(asked.shape)
    if asked.think is not None:
        fields["think"] = _write_think(asked.think)
    if asked.logprobs >= 0:
        fields |= {"logprobs": True, "top_logprobs": min(asked.logprobs, MOST_ALTERNATIVES)}
    if asked.truncate is not None:
        fields["truncate"] = asked.truncate
    return fields | write_options(asked)


def write_options(asked: Asked) -> dict[str, Json]:
    """`options` where any is set, `keep_alive` and `shift`."""
    options: dict[str, Json] = {
        name: value for name, value in asked.options.items() if name in OPTIONS and name != "shift"
    }
    for name in (*_WHOLE, *_NUMBERS):
        value = getattr(asked, name)
        if value is not None:
            options[name] = value
    if asked.stop:
        options["stop"] = asked.stop
    if asked.max_tokens is not None:
        options[LIMIT] = asked.max_tokens
    beside = {"options": options, "keep_alive": asked.keep_alive, "shift": asked.options.get("shift")}
    return {name: value for name, value in beside.items() if value is not None and value != {}}


def find_unsayable_shape(asked: Asked) -> tuple[str, ...]:
    """A wanted form that is no object of JSON schema."""
    if asked.shape is None or asked.shape.schema is None or isinstance(asked.shape.schema, dict):
        return ()
    return ("a schema that is no JSON object",)


def _read_shape(given: Json) -> Shape | None:
    if given is None or given == "":
        return None
    if given == "json":
        return Shape()
    if isinstance(given, dict):
        return Shape(schema=given)
    raise Unreadable('invalid format; expected "json" or a valid JSON Schema object')


def _write_shape(shape: Shape) -> Json:
    if shape.schema is None:
        return "json"
    return shape.schema


def _read_think(given: bool | str | None) -> bool | str | None:
    if isinstance(given, str) and given not in _KNOWN_EFFORTS:
        raise Unreadable('think must be true, false, "low", "medium", "high" or "max"')
    return given


def _write_think(think: bool | str) -> bool | str:
    if isinstance(think, str):
        return _EFFORTS.get(think, True)
    return think


def _read_logprobs(said: Answering) -> int:
    wanted = said.top_logprobs or 0
    if not 0 <= wanted <= MOST_ALTERNATIVES:
        raise Unreadable(f"top_logprobs must be between 0 and {MOST_ALTERNATIVES}")
    if not said.logprobs:
        return -1
    return wanted


def _whole(name: str, value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f'option "{name}" must be of type integer')
    return math.trunc(value)


def _number(name: str, value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f'option "{name}" must be a number')
    try:
        return float(value)
    except OverflowError as error:
        raise Unreadable(f'option "{name}" is out of range') from error


def _texts(name: str, value: Json) -> tuple[str, ...]:
    """A list of texts; one text alone is taken for such a list."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Unreadable(f'option "{name}" must be an array of strings')
    return tuple(value)
