"""OpenAI's format: `/v1/...`, server-sent events that end in `[DONE]`, usage on request in the last event."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from keepwell.dialects.openai.chat import CHAT
from keepwell.dialects.openai.completions import COMPLETIONS
from keepwell.dialects.openai.embeddings import EMBEDDINGS
from keepwell.dialects.openai.responses import RESPONSES
from keepwell.plugins.dialect import Endpoint, Failure, Offered, Said, Usage
from keepwell.plugins.wire_json import BROKEN

_USAGE = re.compile(rb'"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})')
#: What llama-server measures of an answer beside its usage, in milliseconds.
_TIMINGS = re.compile(rb'"timings"\s*:\s*(\{[^{}]*\})')
#: What is put before the last brace of a body.
_ASK = b',"stream_options":{"include_usage":true}}'
#: Kinds of failure in the words of this interface, by HTTP status.
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


class _Details(msgspec.Struct):
    cached_tokens: int | None = -1


class _Counts(msgspec.Struct):
    prompt_tokens: int = -1
    completion_tokens: int = -1
    input_tokens: int = -1
    output_tokens: int = -1
    prompt_tokens_details: _Details | None = None


class _Timings(msgspec.Struct):
    prompt_ms: float = -1.0
    predicted_ms: float = -1.0


class _Answer(msgspec.Struct):
    model: str = ""
    usage: _Counts | None = None
    timings: _Timings | None = None


_NO_TIMINGS = _Timings()
_read_timings = msgspec.json.Decoder(_Timings).decode
_read = msgspec.json.Decoder(_Counts).decode
_read_answer = msgspec.json.Decoder(_Answer).decode


class OpenAI:
    """See `keepwell.plugins.dialect.Dialect`."""

    endpoints = (
        Endpoint(path=b"/v1/chat/completions", use="generate", counts=True, codec=CHAT),
        Endpoint(path=b"/v1/completions", use="generate", counts=True, codec=COMPLETIONS),
        Endpoint(path=b"/v1/responses", use="generate", end=b"response.", codec=RESPONSES, word="responses"),
        Endpoint(path=b"/v1/embeddings", use="embed", codec=EMBEDDINGS),
        Endpoint(path=b"/v1/rerank", use="embed"),
        Endpoint(path=b"/v2/rerank", use="embed"),
        Endpoint(path=b"/rerank", use="embed"),
        Endpoint(path=b"/v1/moderations", use="embed"),
        Endpoint(path=b"/v1/audio/transcriptions", use="own"),
        Endpoint(path=b"/v1/audio/translations", use="own"),
        Endpoint(path=b"/v1/audio/speech", use="own", streams=True),
        Endpoint(path=b"/v1/images/generations", use="own"),
        Endpoint(path=b"/v1/images/edits", use="own"),
        Endpoint(path=b"/v1/models", use="models", method=b"GET"),
        Endpoint(path=b"/v1/models/", use="model", method=b"GET", below=True),
    )
    mark = b""
    comments = True
    alarms = (b'data: {"error"', b'data:{"error"')
    end = b"data: [DONE]"

    def render_refusal(self, failure: Failure) -> bytes:
        """`{"error": {"message", "type", "code"}}`."""
        return msgspec.json.encode({"error": _error(failure)})

    def render_break(self, failure: Failure) -> bytes:
        """An event with the error; no `[DONE]` follows."""
        return b"data: " + msgspec.json.encode({"error": _error(failure)}) + b"\n\n"

    def add_usage(self, body: bytes) -> bytes:
        """With `stream_options.include_usage`."""
        return body[: body.rindex(b"}")] + _ASK

    def is_usage(self, event: bytes) -> bool:
        """An event without choices, with counts."""
        return b'"choices":[]' in event.replace(b" ", b"") and _USAGE.search(event) is not None

    def read_answer(self, body: bytes) -> Said:
        """Its `model` and `usage`."""
        try:
            found = _read_answer(body)
        except BROKEN:
            return Said()
        if found.usage is None:
            return Said(found.model)
        return Said(found.model, _usage(found.usage, found.timings or _NO_TIMINGS))

    def read_usage(self, tail: bytes) -> Usage:
        """The last `usage` object, and `timings` where there are some."""
        found = _USAGE.match(tail, tail.rfind(b'"usage"'))
        if found is None:
            return Usage()
        timings = _NO_TIMINGS
        try:
            timed = _TIMINGS.match(tail, max(0, tail.rfind(b'"timings"')))
            if timed is not None:
                timings = _read_timings(timed[1])
            return _usage(_read(found[1]), timings)
        except BROKEN:
            return Usage()

    def render_models(self, endpoint: Endpoint, models: Sequence[Offered]) -> bytes:
        """`/v1/models`, and one of them."""
        rows = [_row(one) for one in models]
        if endpoint.use == "model":
            return msgspec.json.encode(rows[0])
        return msgspec.json.encode({"object": "list", "data": rows})


def _usage(counts: _Counts, timings: _Timings) -> Usage:
    cached: int | None = -1
    if counts.prompt_tokens_details is not None:
        cached = counts.prompt_tokens_details.cached_tokens
    if cached is None:
        cached = -1
    given, made = counts.prompt_tokens, counts.completion_tokens
    tokens = max(given, counts.input_tokens), max(made, counts.output_tokens), cached
    if timings is _NO_TIMINGS:
        return Usage(*tokens)
    return Usage(*tokens, -1.0, _seconds(timings.prompt_ms), _seconds(timings.predicted_ms))


def _seconds(milliseconds: float) -> float:
    if milliseconds < 0:
        return -1.0
    return milliseconds / 1e3


def _error(failure: Failure) -> dict[str, object]:
    kind = _TYPES.get(failure.status, "server_error")
    return {"message": failure.message, "type": kind, "param": None, "code": failure.kind}


def _row(one: Offered) -> dict[str, object]:
    """With what clients of vLLM (`max_model_len`) and of llama.cpp (`meta`) read beside, as far as it is known."""
    facts = one.facts
    row: dict[str, object] = {
        "id": one.name,
        "object": "model",
        "created": int(one.modified_at),
        "owned_by": facts.owner or "keepwell",
    }
    told = {
        "n_ctx": one.context_tokens,
        "n_ctx_train": facts.trained_tokens,
        "n_embd": facts.width,
        "n_params": facts.parameters,
        "n_vocab": facts.vocabulary,
        "size": one.size_bytes,
    }
    meta = {name: value for name, value in told.items() if value}
    if one.context_tokens:
        row["max_model_len"] = one.context_tokens
    if meta:
        row["meta"] = meta
    if one.nodes:
        row["nodes"] = one.nodes
    return row


DIALECT = OpenAI()
