"""Anthropic's format: `/v1/messages`, named server-sent events that end in `message_stop`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from keepwell.dialects.anthropic.messages import MESSAGES
from keepwell.dialects.anthropic.write_answer import ERROR_TYPES
from keepwell.plugins.dialect import Endpoint, Failure, Offered, Said, Usage
from keepwell.plugins.wire_json import BROKEN

_INPUT = re.compile(rb'"input_tokens"\s*:\s*(\d+)')
_OUTPUT = re.compile(rb'"output_tokens"\s*:\s*(\d+)')
_CACHED = re.compile(rb'"cache_read_input_tokens"\s*:\s*(\d+)')


class _Counts(msgspec.Struct):
    input_tokens: int = -1
    output_tokens: int = -1
    cache_read_input_tokens: int | None = None


class _Answer(msgspec.Struct):
    model: str = ""
    usage: _Counts | None = None


_read_answer = msgspec.json.Decoder(_Answer).decode


class Anthropic:
    """See `keepwell.plugins.dialect.Dialect`."""

    endpoints = (
        Endpoint(path=b"/v1/messages", use="generate", codec=MESSAGES),
        Endpoint(path=b"/v1/messages/count_tokens", use="own"),
        Endpoint(path=b"/v1/models", use="models", method=b"GET"),
        Endpoint(path=b"/v1/models/", use="model", method=b"GET", below=True),
    )
    mark = b"anthropic-version"
    comments = True
    alarms = (b"event: error",)
    end = b"message_stop"

    def render_refusal(self, failure: Failure) -> bytes:
        """`{"type": "error", "error": {"type", "message"}}`."""
        return msgspec.json.encode(_error(failure))

    def render_break(self, failure: Failure) -> bytes:
        """An `error` event; no `message_stop` follows."""
        return b"event: error\ndata: " + msgspec.json.encode(_error(failure)) + b"\n\n"

    def add_usage(self, body: bytes) -> bytes:
        """The body itself: counts are always told."""
        return body

    def is_usage(self, event: bytes) -> bool:
        """Never: no event holds nothing but counts."""
        return False

    def read_answer(self, body: bytes) -> Said:
        """Its `model` and `usage`."""
        try:
            found = _read_answer(body)
        except BROKEN:
            return Said()
        counts = found.usage
        if counts is None:
            return Said(found.model)
        cached = counts.cache_read_input_tokens
        if cached is None:
            cached = -1
        return Said(found.model, Usage(counts.input_tokens, counts.output_tokens, cached))

    def read_usage(self, tail: bytes) -> Usage:
        """Input from where it stands first, output from where it stands last."""
        given, made, cached = _INPUT.findall(tail), _OUTPUT.findall(tail), _CACHED.findall(tail)
        return Usage(int((given or [b"-1"])[0]), int((made or [b"-1"])[-1]), int((cached or [b"-1"])[-1]))

    def render_models(self, endpoint: Endpoint, models: Sequence[Offered]) -> bytes:
        """`/v1/models`, and one of them."""
        rows = [_row(one) for one in models]
        if endpoint.use == "model":
            return msgspec.json.encode(rows[0])
        names: list[str | None] = [one.name for one in models] or [None]
        return msgspec.json.encode({"data": rows, "has_more": False, "first_id": names[0], "last_id": names[-1]})


def _row(one: Offered) -> dict[str, object]:
    made = datetime.fromtimestamp(one.modified_at, UTC).isoformat()
    return {"type": "model", "id": one.name, "display_name": one.name, "created_at": made}


def _error(failure: Failure) -> dict[str, object]:
    kind = ERROR_TYPES.get(failure.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": failure.message}}


DIALECT = Anthropic()
