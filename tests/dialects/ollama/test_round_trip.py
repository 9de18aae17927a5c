"""What is written is read again the same: requests, and answers streamed and whole, in any pieces."""

from __future__ import annotations

import contextlib
import json
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keepwell.dialects.ollama.chat import CHAT
from keepwell.dialects.ollama.generate import GENERATE
from keepwell.plugins.answer_events import Begun, Ended, Event, Failed
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Codec, Setting, Unreadable, find_losses, read_whole
from tests.dialects.folding import fold, merge
from tests.dialects.ollama.drawn import ANY_EVENTS, answers, chats, prompts

SETTING = Setting(model="m", id="1", created=1_700_000_000.0)
CODECS = (CHAT, GENERATE)
each_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda one: one.path.decode())
each_way = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
#: Pieces of JSON as clients and engines write it, to be cut and mixed.
SCRAPS = (
    b'{"model":"m","messages":[{"role":"user","content":"a","images":["x"]}],"stream":false}',
    b'{"model":"m","prompt":"p","raw":true,"options":{"num_predict":-1,"stop":["a"],"seed":1.5}}',
    b'{"model":"m","created_at":"2025-06-01T12:34:56Z","message":{"role":"assistant","content":"x"},"done":false}\n',
    b'{"model":"m","response":"x","done":true,"done_reason":"stop","eval_count":3}\n',
    b'{"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":[1,{"b":null}]}}}]}}\n',
    b'{"error":"no"}\n', b'{"error":{"message":"no"}}', b'"\\ud83d"', b"[" * 2000, b"\xff\xfe", b"1e999", b"\n",
)  # fmt: skip


@given(asked=chats())
@settings(max_examples=40)
def test_chats(asked: Asked) -> None:
    assert CHAT.read_request(CHAT.write_request(asked)) == asked
    losses = find_losses(asked, CHAT)
    assert not losses.refused
    assert not losses.dropped


@given(asked=prompts())
@settings(max_examples=40)
def test_prompts(asked: Asked) -> None:
    assert GENERATE.read_request(GENERATE.write_request(asked)) == asked
    losses = find_losses(asked, GENERATE)
    assert not losses.refused
    assert not losses.dropped


@each_codec
@given(events=answers(), data=st.data())
@settings(max_examples=40)
def test_streams(codec: Codec, events: list[Event], data: st.DataObject) -> None:
    writer = codec.make_writer(Asked(model="m", stream=True), SETTING)
    cut = data.draw(st.integers(0, len(events)))
    body = writer.write(events[:cut], 0.25) + writer.write(events[cut:], 0.5)
    for line in body.splitlines():
        json.loads(line)
    reader = codec.make_reader(stream=True)
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    found: list[Event] = []
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        found += reader.feed(body[start:end])
    found += reader.end()
    assert without_begun(found) == without_begun(events)


@each_codec
@given(events=answers())
@settings(max_examples=40)
def test_whole_answers(codec: Codec, events: list[Event]) -> None:
    writer = codec.make_writer(Asked(model="m", stream=False), SETTING)
    body = b"".join(writer.write([one], 0.5) for one in events)
    found = read_whole(codec, body)
    before, after = fold(without_begun(events)), fold(without_begun(found))
    assert after == before


@each_codec
@given(events=answers())
@settings(max_examples=20)
def test_byte_by_byte(codec: Codec, events: list[Event]) -> None:
    body = codec.make_writer(Asked(model="m", stream=True), SETTING).write(events, 0.5)
    reader = codec.make_reader(stream=True)
    found = [one for at in range(len(body)) for one in reader.feed(body[at : at + 1])]
    assert without_begun([*found, *reader.end()]) == without_begun(events)


@each_way
@each_codec
@given(events=ANY_EVENTS)
@settings(max_examples=40)
def test_any_order_of_events_is_valid(codec: Codec, stream: bool, events: list[Event]) -> None:
    writer = codec.make_writer(Asked(model="m", stream=stream), SETTING)
    body = writer.write(events, 0.5)
    ended = Ended() in events
    assert [b'"done":true' in body, writer.write([Ended()], 1.0) == b""] == [ended, ended]
    for line in body.splitlines():
        assert isinstance(json.loads(line), dict)


def bodies() -> st.SearchStrategy[bytes]:
    """Scraps, cut and joined, and bytes that are nothing."""
    cut = st.tuples(st.sampled_from(SCRAPS), st.integers(0, 60), st.integers(0, 90)).map(
        lambda drawn: drawn[0][: drawn[1]] + drawn[0][drawn[2] :]
    )
    return st.lists(st.sampled_from(SCRAPS) | cut | st.binary(max_size=6), max_size=4).map(b"".join)


def fuzz(codec: Codec, body: bytes) -> None:
    """Read it as everything; only Unreadable may be raised."""
    with contextlib.suppress(Unreadable):
        codec.write_request(codec.read_request(body))
    assert isinstance(codec.read_error(body), str)
    for stream in (True, False):
        events = read_whole(codec, body, stream=stream)
        assert isinstance(events[-1], (Ended, Failed))
        assert sum(isinstance(one, (Ended, Failed)) for one in events) == 1


@each_codec
@given(body=bodies())
@example(body=b'{"model":"m","messages":[{"role":"user","content":"\\ud83d"}]}')
@example(body=b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":"\xff"}}]},"done":true}')
@settings(max_examples=100)
def test_garbage(codec: Codec, body: bytes) -> None:
    fuzz(codec, body)


@pytest.mark.long
@each_codec
def test_garbage_long(codec: Codec) -> None:
    # Hypothesis takes minutes for as many.
    random = Random(7)
    for _ in range(10_000):
        pieces = random.choices(SCRAPS, k=random.randint(1, 4))
        body = bytearray(b"".join(one[: random.randint(0, 150)] for one in pieces))
        for _ in range(random.randint(0, 3) * bool(body)):
            body[random.randrange(len(body))] = random.choice(b'{}[]",:\\0ntu\xff')
        fuzz(codec, bytes(body))


def without_begun(events: list[Event]) -> list[Event]:
    """The moment of the first line is that of the writer."""
    return merge(one for one in events if not isinstance(one, Begun))
