"""What is written is read again the same: requests, and answers streamed and whole, in any pieces."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.dialects.openai.chat import CHAT
from keepwell.dialects.openai.completions import COMPLETIONS
from keepwell.plugins.answer_events import Begun, Ended, Event, Failed
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Codec, Setting, Unreadable, find_losses, read_whole
from tests.dialects.folding import fold, merge
from tests.dialects.openai.drawn import ANY_EVENTS, chat_answers, chats, completion_answers, completions

SETTING = Setting(model="m", id="id-1", created=1_700_000_000.0)
CODECS = (CHAT, COMPLETIONS)
each_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda one: one.path.decode())
each_way = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
#: Pieces of JSON as clients and engines write it, to be cut and mixed.
SCRAPS = (
    b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"stream":false}',
    b'{"model":"m","prompt":[[1,2],[3]],"logprobs":1,"stop":["a"],"seed":1.5}',
    b'{"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"x"}}',
    b'data: {"id":"i","model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n',
    b'data: {"choices":[{"index":-1,"delta":{"tool_calls":[{"index":99,"function":{"arguments":{"a":1}}}]}}]}\n\n',
    b'data: {"choices":[{"text":"x","logprobs":{"tokens":["a"],"top_logprobs":[null]},"finish_reason":"abort"}]}\n\n',
    b'{"choices":[{"message":{"content":"x","tool_calls":[{"id":"c"}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":-9}}',
    b'data: {"error":{"message":null,"code":1e99}}\n\n', b"data: [DONE]\n\n", b"data: null\n\n", b': ping\n\n',
    b'{"error":"no"}', b'"\\ud83d"', b"[" * 5000, b"\xff\xfe", b"1e999", b'"timings":{"prompt_ms":1e308}', b"\r\n",
)  # fmt: skip


@given(asked=chats())
@settings(max_examples=50)
def test_chats(asked: Asked) -> None:
    assert CHAT.read_request(CHAT.write_request(asked)) == asked
    losses = find_losses(asked, CHAT)
    assert not losses.refused
    assert not losses.dropped


@given(asked=completions())
@settings(max_examples=50)
def test_completions(asked: Asked) -> None:
    assert COMPLETIONS.read_request(COMPLETIONS.write_request(asked)) == asked
    losses = find_losses(asked, COMPLETIONS)
    assert not losses.refused
    assert not losses.dropped


@given(events=chat_answers(), stream=st.booleans(), data=st.data())
@settings(max_examples=80)
def test_chat_answers(events: list[Event], stream: bool, data: st.DataObject) -> None:
    answered(CHAT, events, stream, data.draw)


@given(events=completion_answers(), stream=st.booleans(), data=st.data())
@settings(max_examples=80)
def test_completion_answers(events: list[Event], stream: bool, data: st.DataObject) -> None:
    answered(COMPLETIONS, events, stream, data.draw)


def answered(codec: Codec, events: list[Event], stream: bool, draw: Callable[..., int]) -> None:
    """The same events come back: one by one and in order from a stream, as a whole from a body."""
    asked = Asked(model="m", stream=stream, counts=True, logprobs=20)
    writer = codec.make_writer(asked, SETTING)
    cut = draw(st.integers(0, len(events)))
    body = writer.write(events[:cut], 0.25) + writer.write(events[cut:], 0.5)
    reader = codec.make_reader(stream=stream)
    cuts = sorted([0, draw(st.integers(0, len(body))), draw(st.integers(0, len(body))), len(body)])
    again: list[Event] = []
    for at, to in pairwise(cuts):
        again += reader.feed(body[at:to])
    again += reader.end()
    begun = Begun("m", "id-1", 1_700_000_000)
    if stream:
        assert merge(again) == merge([begun, *events[1:]])
    else:
        assert fold(again) == fold([begun, *events[1:]])
    assert isinstance(again[-1], Ended)


@each_codec
@each_way
@given(events=ANY_EVENTS, odds=st.integers(-1, 2))
@settings(max_examples=40)
def test_any_order_of_events_is_written(codec: Codec, stream: bool, events: list[Event], odds: int) -> None:
    writer = codec.make_writer(Asked(model="m", stream=stream, counts=True, logprobs=odds), SETTING)
    body = b"".join(writer.write([one], 0.1) for one in [*events, Ended(), *events])
    if stream:
        *chunks, last, rest = body.split(b"\n\n")
        assert (last, rest) == (b"data: [DONE]", b"")
        for one in chunks:
            assert json.loads(one.removeprefix(b"data: "))["model"] == "m"
    else:
        assert json.loads(body)["object"] in ("chat.completion", "text_completion")
    again = read_whole(codec, body, stream=stream)
    assert isinstance(again[-1], Ended)


@each_codec
@given(pieces=st.lists(st.sampled_from(SCRAPS), max_size=4), data=st.data())
@settings(max_examples=150)
def test_anything_is_read_or_refused(codec: Codec, pieces: list[bytes], data: st.DataObject) -> None:
    fuzzed(codec, pieces, data)


def fuzzed(codec: Codec, pieces: list[bytes], data: st.DataObject) -> None:
    """No other error than Unreadable, and events that end once."""
    body = bytearray(b"".join(pieces))
    for _ in range(data.draw(st.integers(0, 3))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Unreadable):
        codec.read_request(bytes(body))
    for stream in (True, False):
        events = read_whole(codec, bytes(body), stream=stream)
        assert isinstance(events[-1], (Ended, Failed))
        assert sum(isinstance(one, (Ended, Failed)) for one in events) == 1
        written = codec.make_writer(Asked(model="m", stream=stream, logprobs=2, counts=True), SETTING).write(events, 1)
        assert written.startswith((b"data: ", b"{"))
    assert isinstance(codec.read_error(bytes(body)), str)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), data=st.data())
@settings(max_examples=50)
def test_a_stream_may_be_cut_anywhere(text: str, data: st.DataObject) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}}]}
    body = b"data: " + msgspec.json.encode(chunk) + b"\r\n\r\n: ping\n\ndata:" + json.dumps(chunk).encode() + b"\n\n"
    body += b"data: [DONE]\n\n"
    cuts = sorted({0, len(body), *data.draw(st.lists(st.integers(0, len(body)), max_size=8))})
    reader = CHAT.make_reader(stream=True)
    events = [one for at, to in pairwise(cuts) for one in reader.feed(body[at:to])] + reader.end()
    assert fold(events).texts == {0: text + text}
    assert events == read_whole(CHAT, body, stream=True)
