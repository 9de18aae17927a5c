"""`/api/embed`: vectors of texts, each of length 1. Releases before 0.11.11 leave `dimensions` aside without a word,
so what comes longer is cut where the answer is written (see `vectors.cut_vector`).

A request whose input is empty (`""` or `[]`) only loads the model; in common words it has neither texts nor tokens.
"""

from __future__ import annotations

import msgspec

from keepwell.dialects.ollama.options import OPTIONS, SAMPLING, read_options, write_options
from keepwell.plugins.answer_events import Begun, Counted, Event, Events, Failed, Vectors
from keepwell.plugins.asked import Asked, Json, Kind
from keepwell.plugins.codec import Setting, Unreadable
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.request_object import (
    find_unknown,
    read_count,
    read_fields,
    read_flag,
    read_object,
    read_text,
)
from keepwell.plugins.vectors import cut_vector
from keepwell.plugins.whole_answer import WholeReader, WholeWriter
from keepwell.plugins.wire_json import BROKEN, explain

NANOSECONDS = 1_000_000_000
_KNOWN = frozenset({"model", "input", "truncate", "dimensions", "keep_alive", "options"})


class _Answer(msgspec.Struct):
    embeddings: tuple[tuple[float, ...], ...]
    model: str | None = None
    prompt_eval_count: int = -1
    total_duration: int = -1
    load_duration: int = -1


_read_answer = msgspec.json.Decoder(_Answer).decode


class Embed:
    """See `keepwell.plugins.codec.Codec`. Token numbers cannot be said."""

    path = b"/api/embed"
    kinds: frozenset[Kind] = frozenset({"embed"})
    carries = SAMPLING | {"prompts", "dimensions", "truncate", "keep_alive"}
    options = OPTIONS

    def read_request(self, body: bytes) -> Asked:
        """The request in common words. Raises Unreadable."""
        found = read_object(body)
        prompts, listed = _read_input(found.get("input"))
        return Asked(
            model=read_text(found, "model"),
            kind="embed",
            prompts=prompts,
            listed=listed,
            truncate=read_flag(found, "truncate"),
            dimensions=read_count(found, "dimensions"),
            keep_alive=read_keep_alive(found.get("keep_alive")),
            unknown=find_unknown(found, _KNOWN),
            **read_options(read_fields(found, "options")),
        )

    def write_request(self, asked: Asked) -> bytes:
        """The request of these words, without what it cannot say. One text that is empty stands in a list, since alone
        it would only load the model.
        """
        body: dict[str, Json] = {"model": asked.model, "input": asked.prompts}
        if not asked.listed and len(asked.prompts) == 1 and asked.prompts[0]:
            body["input"] = asked.prompts[0]
        if asked.truncate is not None:
            body["truncate"] = asked.truncate
        if asked.dimensions is not None:
            body["dimensions"] = asked.dimensions
        return msgspec.json.encode(body | write_options(asked))

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def make_reader(self, *, stream: bool) -> WholeReader:
        """Its answers are never streamed."""
        return WholeReader(_read_events)

    def make_writer(self, asked: Asked, setting: Setting) -> WholeWriter:
        """For the answer to this request."""
        return WholeWriter(_Rendering(asked, setting))

    def read_error(self, body: bytes) -> str:
        """The sentence in an answer with a bad status."""
        return parse_error_text(body)


def read_keep_alive(value: Json) -> Json:
    """A number of seconds or a text like "5m", None where it is not set. Raises Unreadable."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    raise Unreadable('keep_alive has to be a number of seconds, or a text like "5m"')


def _read_input(value: Json) -> tuple[tuple[str, ...], bool]:
    """Texts, and whether they stand in a list."""
    if value is None or value == "":
        return (), False
    if isinstance(value, str):
        return (value,), False
    if isinstance(value, list):
        texts = tuple(one for one in value if isinstance(one, str))
        if len(texts) == len(value):
            return texts, True
    raise Unreadable("input has to be a text or a list of texts")


def _read_events(body: bytes) -> list[Event]:
    try:
        found = _read_answer(body)
    except BROKEN as error:
        return [Failed(parse_error_text(body) or f"the engine's answer holds no vectors: {explain(error)}")]
    counted = Counted(input_tokens=found.prompt_eval_count, total_ns=found.total_duration, load_ns=found.load_duration)
    return [Begun(model=found.model or ""), Vectors(found.embeddings), counted]


class _Rendering:
    """How the whole answer to one request is written."""

    content_type = b"application/json; charset=utf-8"

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._dimensions = asked.dimensions
        self._setting = setting

    def render(self, events: Events, seconds: float) -> bytes:
        """Vectors, tokens where the engine counted them, and how long it took: as it told, else as it was measured."""
        vectors: list[Json] = []
        counted = Counted()
        for event in events:
            if isinstance(event, Vectors):
                vectors += [cut_vector(one, self._dimensions) for one in event.vectors]
            elif isinstance(event, Counted):
                counted = event
        total = counted.total_ns
        if total < 0:
            total = round(seconds * NANOSECONDS)
        answer: dict[str, Json] = {
            "model": self._setting.model,
            "embeddings": vectors,
            "total_duration": total,
            "load_duration": max(0, counted.load_ns),
        }
        if counted.input_tokens >= 0:
            answer["prompt_eval_count"] = counted.input_tokens
        return msgspec.json.encode(answer)

    def render_failure(self, failed: Failed) -> bytes:
        """`{"error": "..."}`."""
        return msgspec.json.encode({"error": failed.message})


EMBED = Embed()
