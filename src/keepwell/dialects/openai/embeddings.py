"""`/v1/embeddings`: vectors of texts, or of tokens by their numbers, as JSON numbers or in base64.

Vectors go on as the engine made them; engines bring them to length 1 unless they were told otherwise. One that is
longer than was asked for is cut here (see `vectors.cut_vector`): llama.cpp and old releases of Ollama leave the wish
aside without a word.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from keepwell.dialects.openai.outcomes import render_error
from keepwell.plugins.answer_events import Begun, Counted, Event, Events, Failed, Vectors
from keepwell.plugins.asked import Asked, Json, Kind
from keepwell.plugins.codec import Setting, Unreadable
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.request_object import MOST, find_unknown, read_count, read_object, read_text
from keepwell.plugins.vectors import NoVector, cut_vector, pack_vector, unpack_vector
from keepwell.plugins.whole_answer import WholeReader, WholeWriter
from keepwell.plugins.wire_json import BROKEN, explain

Texts: TypeAlias = tuple[str, ...]
Tokens: TypeAlias = tuple[tuple[int, ...], ...]
_ENCODINGS = ("float", "base64")
_KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "user"})


class _Row(msgspec.Struct):
    embedding: tuple[float, ...] | str
    index: int = -1


class _Usage(msgspec.Struct):
    prompt_tokens: int = -1


class _Answer(msgspec.Struct):
    data: tuple[_Row, ...]
    model: str | None = None
    usage: _Usage | None = None


_read_answer = msgspec.json.Decoder(_Answer).decode


class Embeddings:
    """See `keepwell.plugins.codec.Codec`. A wish to cut long texts cannot be said: they are refused by the engine."""

    path = b"/v1/embeddings"
    kinds: frozenset[Kind] = frozenset({"embed"})
    carries = frozenset({"prompts", "prompt_tokens", "dimensions", "user"})
    options: frozenset[str] = frozenset()

    def read_request(self, body: bytes) -> Asked:
        """The request in common words. Raises Unreadable."""
        found = read_object(body)
        prompts, tokens, listed = _read_input(found.get("input"))
        encoding = found.get("encoding_format") or "float"
        if encoding not in _ENCODINGS:
            raise Unreadable('encoding_format is "float" or "base64"')
        return Asked(
            model=read_text(found, "model"),
            kind="embed",
            prompts=prompts,
            prompt_tokens=tokens,
            listed=listed,
            dimensions=read_count(found, "dimensions"),
            encoding=str(encoding),
            user=read_text(found, "user"),
            unknown=find_unknown(found, _KNOWN),
        )

    def write_request(self, asked: Asked) -> bytes:
        """The request of these words, without what it cannot say."""
        body: dict[str, Json] = {"model": asked.model, "input": _write_input(asked)}
        if asked.dimensions is not None:
            body["dimensions"] = asked.dimensions
        if asked.encoding != "float":
            body["encoding_format"] = asked.encoding
        if asked.user:
            body["user"] = asked.user
        return msgspec.json.encode(body)

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """Texts and tokens do not stand in one list."""
        return ("texts beside tokens",) * bool(asked.prompts and asked.prompt_tokens)

    def make_reader(self, *, stream: bool) -> WholeReader:
        """Its answers are never streamed."""
        return WholeReader(_read_events)

    def make_writer(self, asked: Asked, setting: Setting) -> WholeWriter:
        """For the answer, in the encoding that was asked for."""
        return WholeWriter(_Rendering(asked, setting))

    def read_error(self, body: bytes) -> str:
        """The sentence in an answer with a bad status."""
        return parse_error_text(body)


def _read_input(value: Json) -> tuple[Texts, Tokens, bool]:
    """Texts, tokens, and whether they stand in a list."""
    if isinstance(value, str):
        return (value,), (), False
    if isinstance(value, list) and value:
        texts = tuple(one for one in value if isinstance(one, str))
        if len(texts) == len(value):
            return texts, (), True
        if _is_tokens(value):
            return (), (tuple(value),), False
        if all(isinstance(one, list) and one and _is_tokens(one) for one in value):
            return (), tuple(tuple(one) for one in value), True
    raise Unreadable("input has to be a text, a list of texts, a list of token numbers, or a list of such lists")


def _is_tokens(value: list[Json]) -> bool:
    return all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= MOST for one in value)


def _write_input(asked: Asked) -> Json:
    several = asked.prompts or asked.prompt_tokens
    if len(several) == 1 and not asked.listed:
        return several[0]
    return several


def _read_events(body: bytes) -> list[Event]:
    try:
        found = _read_answer(body)
        rows = [_unpack(one.embedding) for one in _in_order(found.data)]
    except (*BROKEN, NoVector) as error:
        return [Failed(parse_error_text(body) or f"the engine's answer holds no vectors: {explain(error)}")]
    events: list[Event] = [Begun(model=found.model or ""), Vectors(tuple(rows))]
    if found.usage is not None and found.usage.prompt_tokens >= 0:
        events.append(Counted(input_tokens=found.usage.prompt_tokens))
    return events


def _in_order(rows: tuple[_Row, ...]) -> list[_Row]:
    """By their numbers where they have all of them, else as they came."""
    if sorted(one.index for one in rows) == list(range(len(rows))):
        return sorted(rows, key=_index_of)
    return list(rows)


def _index_of(row: _Row) -> int:
    return row.index


def _unpack(found: tuple[float, ...] | str) -> tuple[float, ...]:
    if isinstance(found, str):
        return unpack_vector(found)
    return found


class _Rendering:
    """How the whole answer to one request is written."""

    content_type = b"application/json"

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._asked = asked
        self._setting = setting

    def render(self, events: Events, seconds: float) -> bytes:
        """Vectors, and tokens as the engine counted them; 0 where it did not, since clients read a number there."""
        rows: list[Json] = []
        counted = Counted()
        for event in events:
            if isinstance(event, Vectors):
                for one in event.vectors:
                    rows.append({"object": "embedding", "index": len(rows), "embedding": self._pack(one)})
            elif isinstance(event, Counted):
                counted = event
        given = max(0, counted.input_tokens)
        usage = {"prompt_tokens": given, "total_tokens": given}
        return msgspec.json.encode({"object": "list", "data": rows, "model": self._setting.model, "usage": usage})

    def render_failure(self, failed: Failed) -> bytes:
        """`{"error": {...}}`."""
        return msgspec.json.encode(render_error(failed))

    def _pack(self, vector: tuple[float, ...]) -> Json:
        fitting = cut_vector(vector, self._asked.dimensions)
        if self._asked.encoding == "base64":
            return pack_vector(fitting)
        return fitting


EMBEDDINGS = Embeddings()
