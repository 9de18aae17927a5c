"""`/api/embeddings`, the older way: the vector of one text, as the model made it, of any length.

Where another engine answers such a request, its vector has length 1 (vLLM and llama.cpp bring theirs to it unless they
were told otherwise): it points the same way, so likeness by angle is the same; sums and distances are not.
A request without a text only loads the model; in common words it has no texts.
"""

from __future__ import annotations

import msgspec

from keepwell.dialects.ollama.embed import read_keep_alive
from keepwell.dialects.ollama.options import OPTIONS, SAMPLING, read_options, write_options
from keepwell.plugins.answer_events import Begun, Event, Events, Failed, Vectors
from keepwell.plugins.asked import Asked, Json, Kind
from keepwell.plugins.codec import Setting
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.request_object import find_unknown, read_fields, read_object, read_text
from keepwell.plugins.whole_answer import WholeReader, WholeWriter
from keepwell.plugins.wire_json import BROKEN, explain

_KNOWN = frozenset({"model", "prompt", "keep_alive", "options"})


class _Answer(msgspec.Struct):
    embedding: tuple[float, ...]


_read_answer = msgspec.json.Decoder(_Answer).decode


class OldEmbeddings:
    """See `keepwell.plugins.codec.Codec`. It takes one text, and neither tokens nor a number of dimensions."""

    path = b"/api/embeddings"
    kinds: frozenset[Kind] = frozenset({"embed"})
    carries = SAMPLING | {"prompts", "keep_alive"}
    options = OPTIONS

    def read_request(self, body: bytes) -> Asked:
        """The request in common words. Raises Unreadable."""
        found = read_object(body)
        prompt = read_text(found, "prompt")
        return Asked(
            model=read_text(found, "model"),
            kind="embed",
            prompts=(prompt,) * bool(prompt),
            listed=False,
            keep_alive=read_keep_alive(found.get("keep_alive")),
            unknown=find_unknown(found, _KNOWN),
            **read_options(read_fields(found, "options")),
        )

    def write_request(self, asked: Asked) -> bytes:
        """The request of these words, without what it cannot say."""
        body: dict[str, Json] = {"model": asked.model, "prompt": "".join(asked.prompts[:1])}
        return msgspec.json.encode(body | write_options(asked))

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """More than one text."""
        return ("more than one text",) * (len(asked.prompts) > 1)

    def make_reader(self, *, stream: bool) -> WholeReader:
        """Its answers are never streamed."""
        return WholeReader(_read_events)

    def make_writer(self, asked: Asked, setting: Setting) -> WholeWriter:
        """For the answer to this request."""
        return WholeWriter(_Rendering())

    def read_error(self, body: bytes) -> str:
        """The sentence in an answer with a bad status."""
        return parse_error_text(body)


def _read_events(body: bytes) -> list[Event]:
    try:
        found = _read_answer(body)
    except BROKEN as error:
        return [Failed(parse_error_text(body) or f"the engine's answer holds no vector: {explain(error)}")]
    vectors = (found.embedding,) * bool(found.embedding)
    return [Begun(), Vectors(vectors)]


class _Rendering:
    """How the whole answer is written."""

    content_type = b"application/json; charset=utf-8"

    def render(self, events: Events, seconds: float) -> bytes:
        """The first vector, none where there is none."""
        vectors = [one for event in events if isinstance(event, Vectors) for one in event.vectors]
        return msgspec.json.encode({"embedding": next(iter(vectors), ())})

    def render_failure(self, failed: Failed) -> bytes:
        """`{"error": "..."}`."""
        return msgspec.json.encode({"error": failed.message})


OLD_EMBEDDINGS = OldEmbeddings()
