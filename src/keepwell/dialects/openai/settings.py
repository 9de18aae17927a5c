"""What requests for text have in common, chats and completions: sampling settings, the form of the answer, extras.

The interface itself knows no top_k, min_p or repetition penalty; vLLM and llama-server read the first two by the
same names, the third as `repetition_penalty` and `repeat_penalty`, so that both are written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from keepwell.plugins.asked import Asked, Json, Kind, Shape
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.wire_json import read_body

#: Fields of `Asked` that both kinds of request can say.
CARRIES = frozenset(
    {
        "shape", "max_tokens", "stop", "temperature", "top_p", "top_k", "min_p", "seed", "frequency_penalty",
        "presence_penalty", "repeat_penalty", "logprobs", "choices", "user",
    }
)  # fmt: skip
#: Further settings by their names here, most of them vLLM's (its `protocol.py`); `grammar` is llama-server's.
OPTIONS = frozenset(
    {
        "logit_bias", "min_tokens", "stop_token_ids", "ignore_eos", "skip_special_tokens",
        "spaces_between_special_tokens", "include_stop_str_in_output", "length_penalty", "bad_words",
        "allowed_token_ids", "truncate_prompt_tokens", "add_special_tokens", "structured_outputs", "grammar",
        "priority", "cache_prompt", "thinking_token_budget",
    }
)  # fmt: skip
#: Settings of llama-server that Ollama has by the same names. They are read and not written: vLLM passes over them
#: in silence, and nothing is to be lost without being named.
_READ_ONLY = frozenset({"repeat_last_n", "typical_p", "mirostat", "mirostat_tau", "mirostat_eta"})
#: The name of a schema that has none: the field is required.
_UNNAMED = "answer"
_STRUCTURED = "structured_outputs"
_read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_json: Callable[[bytes], Json] = msgspec.json.Decoder().decode


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _NamedSchema(msgspec.Struct):
    name: str | None = None
    schema: Json = None
    strict: bool | None = None


class _Form(msgspec.Struct):
    type: str
    json_schema: _NamedSchema | None = None
    schema: Json = None


class SettingFields(msgspec.Struct, kw_only=True):
    """The fields; None is unset."""

    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    repeat_penalty: float | None = None
    n: int | None = None
    user: str | None = None
    response_format: _Form | None = None
    json_schema: Json = None
    guided_json: Json = None


def read_settings(data: bytes, body: SettingFields, kind: Kind) -> Asked:
    """What these fields of a body ask for, and all beside them: settings of engines by name, and names of fields that
    are not known. Raises Unreadable.
    """
    options, unknown = _read_extras(data, body.__struct_fields__)
    return Asked(
        model=body.model or "",
        kind=kind,
        stream=bool(body.stream),
        counts=_read_counts(body),
        shape=_read_shape(body, options),
        max_tokens=body.max_tokens,
        stop=_read_stop(body.stop),
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        min_p=body.min_p,
        seed=body.seed,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        repeat_penalty=_first(body.repetition_penalty, body.repeat_penalty),
        choices=body.n or 1,
        user=body.user or "",
        options=options,
        unknown=unknown,
    )


def write_settings(asked: Asked) -> dict[str, Json]:
    """The fields that say it. A stream is asked for its counts where `counts` does not say that nobody wants them."""
    fields: dict[str, Json] = {"model": asked.model, "stream": asked.stream}
    if asked.stream and asked.counts is not False:
        fields["stream_options"] = {"include_usage": True}
    if asked.max_tokens is not None and asked.max_tokens >= 0:
        fields["max_tokens"] = asked.max_tokens
    told: dict[str, Json] = {
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
        "min_p": asked.min_p,
        "seed": asked.seed,
        "frequency_penalty": asked.frequency_penalty,
        "presence_penalty": asked.presence_penalty,
        "repetition_penalty": asked.repeat_penalty,
        "repeat_penalty": asked.repeat_penalty,
        "stop": list(asked.stop) or None,
        "user": asked.user or None,
        "response_format": _write_shape(asked.shape),
    }
    fields |= {name: value for name, value in told.items() if value is not None}
    if asked.choices != 1:
        fields["n"] = asked.choices
    return fields | {name: value for name, value in asked.options.items() if name in OPTIONS}


def _read_extras(data: bytes, known: Collection[str]) -> tuple[dict[str, Json], tuple[str, ...]]:
    fields = read_body(data, _read_fields)
    more = {name: raw for name, raw in fields.items() if name not in known and bytes(raw) != b"null"}
    named = more.keys() & (OPTIONS | _READ_ONLY)
    options = {name: read_body(bytes(more[name]), _read_json) for name in sorted(named)}
    return options, tuple(sorted(more.keys() - named))


def _read_counts(body: SettingFields) -> bool | None:
    if not body.stream:
        return None
    return bool(body.stream_options and body.stream_options.include_usage)


def _read_stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if isinstance(stop, str):
        return (stop,)
    return tuple(stop or ())


def _first(one: float | None, other: float | None) -> float | None:
    if one is None:
        return other
    return one


def _read_shape(body: SettingFields, options: dict[str, Json]) -> Shape | None:
    """The form of the answer; a form that vLLM has beside JSON stays among the options."""
    if body.response_format is not None:
        return _read_form(body.response_format)
    for schema in (body.json_schema, body.guided_json):
        if schema is not None:
            return _find_shape(schema)
    found = options.get(_STRUCTURED)
    if not isinstance(found, dict):
        return None
    if found.get("json") is not None:
        del options[_STRUCTURED]
        return _find_shape(found["json"])
    if found.get("json_object"):
        del options[_STRUCTURED]
        return Shape()
    return None


def _read_form(form: _Form) -> Shape | None:
    if form.type == "text":
        return None
    if form.type == "json_object":
        if form.schema is None:
            return Shape()
        return _find_shape(form.schema)
    if form.type != "json_schema":
        raise Unreadable(f"response_format of type {form.type!r} is not known here")
    named = form.json_schema or _NamedSchema(schema=form.schema)
    if named.schema is None:
        raise Unreadable("response_format.json_schema.schema is missing")
    return msgspec.structs.replace(_find_shape(named.schema), name=named.name or "", strict=named.strict)


def _find_shape(schema: Json) -> Shape:
    """The form by a schema, also one that was sent as JSON text."""
    if isinstance(schema, str):
        schema = read_body(schema.encode(), _read_json)
    if not isinstance(schema, dict | bool):
        raise Unreadable("a JSON schema has to be an object")
    return Shape(schema)


def _write_shape(shape: Shape | None) -> Json:
    if shape is None:
        return None
    if shape.schema is None:
        return {"type": "json_object"}
    named: dict[str, Json] = {"name": shape.name or _UNNAMED, "schema": shape.schema}
    if shape.strict is not None:
        named["strict"] = shape.strict
    return {"type": "json_schema", "json_schema": named}
