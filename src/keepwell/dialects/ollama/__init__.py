"""Ollama's own format: `/api/...`, a JSON object a line, the last one `"done":true` with the counts in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from keepwell.dialects.ollama.chat import CHAT
from keepwell.dialects.ollama.embed import EMBED
from keepwell.dialects.ollama.embeddings import OLD_EMBEDDINGS
from keepwell.dialects.ollama.generate import GENERATE
from keepwell.dialects.ollama.model_rows import render_description, render_held, render_row
from keepwell.plugins.dialect import Endpoint, Failure, Offered, Said, Usage, find_seconds
from keepwell.plugins.wire_json import BROKEN

_INPUT = re.compile(rb'"prompt_eval_count"\s*:\s*(\d+)')
_OUTPUT = re.compile(rb'"eval_count"\s*:\s*(\d+)')
#: What it measured, in nanoseconds.
_TIMED = b"load_duration", b"prompt_eval_duration", b"eval_duration"
_TIMES = re.compile(rb'"(%b)"\s*:\s*(\d{1,18})' % b"|".join(_TIMED))
#: The version that clients are told: the newest interface that is spoken here.
VERSION = b'{"version":"0.9.3"}'
#: What the root says: clients ask it whether anybody is there, some compare the words.
GREETING = b"Ollama is running"


class _Answer(msgspec.Struct):
    model: str = ""
    prompt_eval_count: int = -1
    eval_count: int = -1
    load_duration: int = -1
    prompt_eval_duration: int = -1
    eval_duration: int = -1


_read_answer = msgspec.json.Decoder(_Answer).decode


class Ollama:
    """See `keepwell.plugins.dialect.Dialect`."""

    endpoints = (
        Endpoint(path=b"/api/chat", use="generate", streams=True, options=True, codec=CHAT),
        Endpoint(path=b"/api/generate", use="generate", streams=True, options=True, codec=GENERATE),
        Endpoint(path=b"/api/embed", use="embed", options=True, codec=EMBED),
        Endpoint(path=b"/api/embeddings", use="embed", options=True, codec=OLD_EMBEDDINGS),
        Endpoint(path=b"/api/show", use="show"),
        Endpoint(path=b"/api/tags", use="models", method=b"GET"),
        Endpoint(path=b"/api/ps", use="loaded", method=b"GET"),
        Endpoint(path=b"/api/version", use="version", method=b"GET"),
        Endpoint(path=b"/api/pull", use="admin", streams=True),
        Endpoint(path=b"/api/push", use="admin", streams=True),
        Endpoint(path=b"/api/create", use="admin", streams=True),
        Endpoint(path=b"/api/copy", use="admin"),
        Endpoint(path=b"/api/delete", use="admin", method=b"DELETE"),
        Endpoint(path=b"/api/blobs/", use="admin", below=True),
        Endpoint(path=b"/", use="root", method=b"GET"),
    )
    mark = b""
    comments = False
    alarms = (b'{"error"',)
    end = b'"done":true'

    def render_refusal(self, failure: Failure) -> bytes:
        """`{"error": "..."}`."""
        return msgspec.json.encode({"error": failure.message})

    def render_break(self, failure: Failure) -> bytes:
        """A last line that is an error; no line says that it is done."""
        return msgspec.json.encode({"error": failure.message}) + b"\n"

    def add_usage(self, body: bytes) -> bytes:
        """The body itself: counts are always told."""
        return body

    def is_usage(self, event: bytes) -> bool:
        """Never: they stand in the last line with the rest."""
        return False

    def read_answer(self, body: bytes) -> Said:
        """Its `model` and counts."""
        try:
            found = _read_answer(body)
        except BROKEN:
            return Said()
        times = (found.load_duration, found.prompt_eval_duration, found.eval_duration)
        return Said(found.model, Usage(found.prompt_eval_count, found.eval_count, -1, *map(find_seconds, times)))

    def read_usage(self, tail: bytes) -> Usage:
        """From the last line."""
        given, made = _INPUT.findall(tail), _OUTPUT.findall(tail)
        times = dict(_TIMES.findall(tail, max(0, tail.rfind(self.end))))
        load, prefill, decode = (find_seconds(int(times.get(name, -1))) for name in _TIMED)
        return Usage(int((given or [b"-1"])[-1]), int((made or [b"-1"])[-1]), -1, load, prefill, decode)

    def render_models(self, endpoint: Endpoint, models: Sequence[Offered]) -> bytes:
        """`/api/tags`, `/api/ps` (a row for each node that holds the model), `/api/show`, `/api/version` and `/`."""
        if endpoint.use == "version":
            return VERSION
        if endpoint.use == "root":
            return GREETING
        if endpoint.use == "show":
            return msgspec.json.encode(render_description(models[0]))
        rows = [render_row(one) for one in models]
        if endpoint.use == "loaded":
            rows = [render_held(one, held) for one in models for held in one.held]
        return msgspec.json.encode({"models": rows})


DIALECT = Ollama()
