"""Embeddings in the three forms: what is asked and answered survives each, in any pieces; nothing else is raised."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import decode
from msgspec.structs import replace

from keepwell.dialects.ollama.embed import EMBED
from keepwell.dialects.ollama.embeddings import OLD_EMBEDDINGS
from keepwell.dialects.ollama.options import OPTIONS, read_options
from keepwell.dialects.openai.embeddings import EMBEDDINGS
from keepwell.plugins import whole_answer
from keepwell.plugins.answer_events import Begun, Counted, Ended, Event, Failed, Text, Vectors
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Codec, Setting, Unreadable, find_losses, read_whole
from keepwell.plugins.vectors import NoVector, cut_vector, pack_vector, unpack_vector
from tests.dialects.golden_files import goldens_of

CODECS: tuple[Codec, ...] = (EMBEDDINGS, EMBED, OLD_EMBEDDINGS)
SETTING = Setting(model="tiny", id="x", created=1.0)
ASKED = Asked(model="tiny", kind="embed", prompts=("a",))
#: Inputs of the fuzz; test_fuzz.py has ten thousand of another kind for each form.
FEW = 300

texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False, max_value=1e6, min_value=-1e6)
vectors = st.lists(st.lists(numbers, min_size=1, max_size=8).map(tuple), min_size=1, max_size=4).map(tuple)
counts = st.integers(1, 2**31 - 1)
seconds = st.one_of(st.none(), st.integers(-1, 10**6), st.sampled_from(["5m", "24h", "-1"]))
option_values = st.dictionaries(
    st.sampled_from(sorted(OPTIONS - {"shift", "num_predict"})), st.integers(0, 9) | st.booleans(), max_size=3
)
tokens = st.lists(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5).map(tuple), min_size=1, max_size=3)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """Any wish for vectors."""
    prompts: tuple[str, ...] = ()
    numbered: tuple[tuple[int, ...], ...] = ()
    if draw(st.booleans()):
        prompts = tuple(draw(st.lists(texts.filter(bool), min_size=1, max_size=4)))
    else:
        numbered = tuple(draw(tokens))
    return Asked(
        model=draw(texts),
        kind="embed",
        prompts=prompts,
        prompt_tokens=numbered,
        listed=len(prompts + numbered) > 1 or draw(st.booleans()),
        dimensions=draw(st.none() | counts),
        encoding=draw(st.sampled_from(["float", "base64"])),
        truncate=draw(st.none() | st.booleans()),
        keep_alive=draw(seconds),
        user=draw(texts),
        temperature=draw(st.none() | st.floats(0, 2)),
        options=draw(option_values),
    )


def read(codec: Codec, answer: bytes, cuts: list[int]) -> list[Event]:
    """The events of an answer in these pieces."""
    reader = codec.make_reader(stream=False)
    places = sorted({0, len(answer), *(one % (len(answer) + 1) for one in cuts)})
    found = [one for at, to in itertools.pairwise(places) for one in reader.feed(answer[at:to])]
    return [*found, *reader.end()]


def write(codec: Codec, *events: Event, asked: Asked = ASKED, took: float = 0.25) -> Any:
    """The answer of these events as JSON."""
    return json.loads(codec.make_writer(asked, SETTING).write(events, took))


@settings(max_examples=100)
@given(questions(), st.sampled_from(CODECS))
def test_what_a_form_can_say_comes_back(asked: Asked, codec: Codec) -> None:
    if codec is OLD_EMBEDDINGS and len(asked.prompts) != 1:
        asked = replace(asked, prompts=asked.prompts[:1] or ("a",), prompt_tokens=())
    if codec is EMBED and not asked.prompts:
        asked = replace(asked, prompts=("a",), prompt_tokens=())
    back = codec.read_request(codec.write_request(asked))
    for name in codec.carries:
        assert getattr(back, name) == getattr(asked, name), name
    assert back.options == {name: one for name, one in asked.options.items() if name in codec.options}
    assert back.unknown == ()
    assert back.listed == (asked.listed and codec is not OLD_EMBEDDINGS)


@settings(max_examples=100)
@given(vectors, st.integers(0, 10**9), st.sampled_from(["float", "base64"]), st.lists(st.integers(0, 999), max_size=5))
def test_vectors_come_back_in_any_pieces(
    made: tuple[tuple[float, ...], ...], given_tokens: int, encoding: str, cuts: list[int]
) -> None:
    events: list[Event] = [Begun(model="tiny"), Vectors(made), Counted(input_tokens=given_tokens), Ended()]
    asked = Asked(model="tiny", kind="embed", prompts=("a",), encoding=encoding)
    openai = EMBEDDINGS.make_writer(asked, SETTING).write(events, 0.0)
    assert read(EMBEDDINGS, openai, cuts) == events
    ollama = read(EMBED, EMBED.make_writer(asked, SETTING).write(events, 0.5), cuts)
    timed = Counted(input_tokens=given_tokens, total_ns=500_000_000, load_ns=0)
    assert ollama == [Begun(model="tiny"), Vectors(made), timed, Ended()]
    old = read(OLD_EMBEDDINGS, OLD_EMBEDDINGS.make_writer(asked, SETTING).write(events, 0.0), cuts)
    assert old == [Begun(), Vectors(made[:1]), Ended()]


@given(st.lists(numbers, max_size=20))
def test_base64_is_little_endian_32_bit(vector: list[float]) -> None:
    packed = pack_vector(vector)
    assert base64.b64decode(packed) == struct.pack(f"<{len(vector)}f", *vector)
    assert list(unpack_vector(packed)) == vector


@pytest.mark.parametrize("text", ["AAA", "AAAA", "é", "AACAfw==", "AADAfw==", "AAAA AAAA"])
def test_what_is_no_vector_in_base64(text: str) -> None:
    with pytest.raises(NoVector):
        unpack_vector(text)


def test_a_vector_that_is_longer_than_asked_for_is_cut_to_length_1() -> None:
    assert cut_vector((3.0, 4.0, 9.0), 2) == [0.6, 0.8]
    assert cut_vector((3.0, 4.0), 2) == (3.0, 4.0)
    assert cut_vector((3.0, 4.0), None) == (3.0, 4.0)
    assert cut_vector((0.0, 0.0, 1.0), 2) == (0.0, 0.0)
    short = Asked(model="m", kind="embed", prompts=("a",), dimensions=2)
    events = (Begun(), Vectors(((3.0, 4.0, 9.0),)), Ended())
    assert write(EMBED, *events, asked=short)["embeddings"] == [[0.6, 0.8]]
    assert write(EMBEDDINGS, *events, asked=short)["data"][0]["embedding"] == [0.6, 0.8]


def test_what_ollama_and_openai_cannot_say_of_each_other() -> None:
    asked = EMBED.read_request(
        b'{"model":"m","input":["a"],"truncate":true,"keep_alive":"5m","options":{"num_ctx":9,"temperature":0},"x":1}'
    )
    lost = find_losses(asked, EMBEDDINGS)
    assert lost.refused == ()
    assert lost.dropped == ("keep_alive", "options.num_ctx", "temperature", "truncate", "x")
    numbered = EMBEDDINGS.read_request(b'{"model":"m","input":[1,2],"encoding_format":"base64","user":"ada"}')
    assert (numbered.prompt_tokens, numbered.listed, numbered.encoding) == (((1, 2),), False, "base64")
    assert find_losses(numbered, EMBED).refused == ("prompt_tokens",)
    several = EMBEDDINGS.read_request(b'{"model":"m","input":["a","b"],"user":"ada","dimensions":4}')
    assert find_losses(several, EMBED).dropped == ("user",)
    assert find_losses(several, OLD_EMBEDDINGS).refused == ("dimensions", "more than one text")


def test_an_empty_input_of_ollama_loads_the_model_and_one_of_openai_is_a_text() -> None:
    for body in (b'{"model":"m"}', b'{"model":"m","input":""}', b'{"model":"m","input":[]}'):
        asked = EMBED.read_request(body)
        assert (asked.prompts, asked.prompt_tokens) == ((), ())
    assert OLD_EMBEDDINGS.read_request(b'{"model":"m","prompt":""}').prompts == ()
    text = EMBEDDINGS.read_request(b'{"model":"m","input":""}')
    assert json.loads(EMBED.write_request(text))["input"] == [""]
    loaded = (Begun(), Vectors(()), Counted(input_tokens=0), Ended())
    assert write(EMBED, *loaded)["embeddings"] == []
    assert write(OLD_EMBEDDINGS, *loaded) == {"embedding": []}


@pytest.mark.parametrize(
    ("codec", "body"),
    [
        (EMBEDDINGS, b'{"model":"m"}'),
        (EMBEDDINGS, b'{"model":"m","input":[]}'),
        (EMBEDDINGS, b'{"model":"m","input":["a",1]}'),
        (EMBEDDINGS, b'{"model":"m","input":[1,true]}'),
        (EMBEDDINGS, b'{"model":"m","input":[[]]}'),
        (EMBEDDINGS, b'{"model":"m","input":[-1]}'),
        (EMBEDDINGS, b'{"model":"m","input":"a","encoding_format":"int8"}'),
        (EMBEDDINGS, b'{"model":"m","input":"a","dimensions":0}'),
        (EMBEDDINGS, b'{"model":7,"input":"a"}'),
        (EMBED, b'{"model":"m","input":[[1]]}'),
        (EMBED, b'{"model":"m","input":7}'),
        (EMBED, b'{"model":"m","input":"a","truncate":"no"}'),
        (EMBED, b'{"model":"m","input":"a","keep_alive":true}'),
        (EMBED, b'{"model":"m","input":"a","options":[]}'),
        (EMBED, b"[]"),
        (OLD_EMBEDDINGS, b'{"model":"m","prompt":["a"]}'),
        (OLD_EMBEDDINGS, b"{"),
    ],
)
def test_what_is_no_request(codec: Codec, body: bytes) -> None:
    with pytest.raises(Unreadable) as told:
        codec.read_request(body)
    assert str(told.value)


def test_durations_are_those_of_the_engine_where_it_tells_them() -> None:
    told = write(EMBED, Begun(), Vectors(((1.0,),)), Counted(input_tokens=3, total_ns=9, load_ns=4), Ended())
    assert (told["total_duration"], told["load_duration"], told["prompt_eval_count"]) == (9, 4, 3)
    measured = write(EMBED, Begun(), Vectors(((1.0,),)), Ended(), took=0.5)
    assert (measured["total_duration"], measured["load_duration"]) == (500_000_000, 0)
    assert "prompt_eval_count" not in measured


def test_vectors_stand_in_the_order_of_their_numbers() -> None:
    rows = [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1.5]}]
    assert Vectors(((1.5,), (2.0,))) in read_whole(EMBEDDINGS, json.dumps({"data": rows}).encode())
    rows[0]["index"] = 7
    assert Vectors(((2.0,), (1.5,))) in read_whole(EMBEDDINGS, json.dumps({"data": rows}).encode())


@pytest.mark.parametrize("codec", CODECS, ids=lambda one: one.path.decode())
def test_errors_end_an_answer(codec: Codec) -> None:
    for body in (
        b"",
        b"{}",
        b"[]",
        b'{"error":"out of memory"}',
        b'{"data":[{"embedding":"?"}]}',
        b'{"embedding":[null]}',
    ):
        (failed,) = read_whole(codec, body)
        assert isinstance(failed, Failed)
    assert read_whole(codec, b'{"error":{"message":"out of memory"}}') == [Failed("out of memory")]
    assert codec.read_error(b'{"error":"out of memory"}') == "out of memory"
    assert codec.read_error(b"<html>") == ""
    writer = codec.make_writer(ASKED, SETTING)
    assert json.loads(writer.write([Begun(), Failed("gone", 502), Ended()], 1.0))["error"]
    assert writer.write([Vectors(((1.0,),)), Ended()], 1.0) == b""


def test_an_answer_without_end_is_given_up() -> None:
    reader = EMBED.make_reader(stream=False)
    piece = b" " * (16 * 1024 * 1024)
    found = [one for _ in range(whole_answer.MOST_BYTES // len(piece) + 1) for one in reader.feed(piece)]
    assert [type(one) for one in found] == [Failed]
    assert reader.feed(b"{}") == reader.end() == []


def test_what_comes_between_is_no_matter() -> None:
    """A writer takes events of any kind and order."""
    for codec in CODECS:
        assert write(codec, Text("x"), Counted(), Begun(), Vectors(((1.0,),)), Vectors(((math.inf,),)), Ended())
        assert codec.make_writer(ASKED, SETTING).write([], 0.0) == b""


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed", "/api/embeddings"])
def test_real_answers_are_the_same_in_each_form(path: str) -> None:
    (codec,) = (one for one in CODECS if one.path.decode() == path)
    found = [one for one in goldens_of(path) if one.good]
    assert found
    for golden in found:
        asked = codec.read_request(golden.request)
        events = read_whole(codec, golden.answer)
        vectors = next(one.vectors for one in events if isinstance(one, Vectors))
        assert len(vectors) == len(asked.prompts) + len(asked.prompt_tokens), golden.id
        for other in (EMBEDDINGS, EMBED):
            again = read_whole(other, other.make_writer(asked, SETTING).write(events, 0.1))
            (back,) = (one.vectors for one in again if isinstance(one, Vectors))
            assert all(math.dist(*pair) < 1e-6 for pair in zip(back, vectors, strict=True)), golden.id


def bodies() -> st.SearchStrategy[bytes]:
    """Bytes, JSON of any shape, and requests and answers with wild fields."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    anything = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    )
    names = ["model", "input", "prompt", "dimensions", "encoding_format", "truncate", "keep_alive", "options", "user"]
    names += ["data", "embedding", "embeddings", "index", "usage", "prompt_eval_count", "error"]
    wild = st.dictionaries(st.sampled_from(names), anything, max_size=6)
    rows = st.fixed_dictionaries({"data": st.lists(wild, max_size=3)})
    return st.binary(max_size=60) | (anything | wild | rows).map(_encode)


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()


def check_wild(body: bytes) -> None:
    for codec in CODECS:
        with contextlib.suppress(Unreadable):
            asked = codec.read_request(body)
            for other in CODECS:
                decode(other.write_request(asked))
                find_losses(asked, other)
        events = read(codec, body, [3, 7])
        assert isinstance(events[-1], Ended | Failed)
        for other in CODECS:
            written = other.make_writer(ASKED, SETTING).write(events, 0.0)
            assert isinstance(decode(written), dict)
        assert isinstance(codec.read_error(body), str)


@settings(max_examples=FEW)
@given(bodies())
def test_wild_bodies(body: bytes) -> None:
    check_wild(body)


def test_options_are_read_as_those_of_a_chat_are() -> None:
    fields = read_options({"num_ctx": 8, "temperature": 1})
    asked = EMBED.read_request(b'{"model":"m","input":"a","options":{"num_ctx":8,"temperature":1}}')
    assert (asked.options, asked.temperature) == (fields["options"], fields["temperature"])
