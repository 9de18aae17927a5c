"""llama.cpp's own paths. `/slots` is none of them: it may show what other clients asked."""

from __future__ import annotations

import re

import msgspec

from keepwell.plugins.dialect import Dialect, Endpoint, Said, Usage
from keepwell.plugins.opaque import OpaqueDialect
from keepwell.plugins.wire_json import BROKEN

_INPUT = re.compile(rb'"tokens_evaluated"\s*:\s*(\d+)')
_OUTPUT = re.compile(rb'"tokens_predicted"\s*:\s*(\d+)')


class _Answer(msgspec.Struct):
    model: str = ""
    tokens_evaluated: int = -1
    tokens_predicted: int = -1


_read_answer = msgspec.json.Decoder(_Answer).decode


class LlamaCpp(OpaqueDialect):
    """Its streams end in an event that says stop, with the counts in it."""

    alarms: tuple[bytes, ...] = (b'data: {"error"', b"error: {")
    end = b'"stop":true'

    def read_usage(self, tail: bytes) -> Usage:
        """From the last event."""
        given, made = _INPUT.findall(tail), _OUTPUT.findall(tail)
        return Usage(int((given or [b"-1"])[-1]), int((made or [b"-1"])[-1]))

    def read_answer(self, body: bytes) -> Said:
        """Its `model` and counts."""
        try:
            found = _read_answer(body)
        except BROKEN:
            return Said()
        return Said(found.model, Usage(found.tokens_evaluated, found.tokens_predicted))


DIALECT: Dialect = LlamaCpp(
    Endpoint(path=b"/completion", use="generate"),
    Endpoint(path=b"/completions", use="generate"),
    Endpoint(path=b"/infill", use="generate"),
    Endpoint(path=b"/embedding", use="embed"),
    Endpoint(path=b"/embeddings", use="embed"),
    Endpoint(path=b"/reranking", use="embed"),
    Endpoint(path=b"/apply-template", use="own"),
    Endpoint(path=b"/v1/chat/completions/input_tokens", use="own"),
    Endpoint(path=b"/v1/responses/input_tokens", use="own"),
    Endpoint(path=b"/props", use="own", method=b"GET"),
    Endpoint(path=b"/lora-adapters", use="own", method=b"GET"),
)
