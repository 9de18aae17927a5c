"""Requests of files: bodies, traces, and what is neither."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.bench.prompts.entries import Entry, NotUsable, make_sent, parse_entries
from keepwell.bench.prompts.made import Workload
from tests.bench.prompts.test_made import find_codecs, make_form, read, render

#: Three lines of the form that the Mooncake project publishes its traces in, with numbers of our own.
TRACE = b"""{"timestamp": 3000, "input_length": 1100, "output_length": 52, "hash_ids": [46, 47, 48]}
{"timestamp": 1500, "input_length": 600, "output_length": 0, "hash_ids": [46, 9]}

{"timestamp": 3500, "input_length": 5, "output_length": 9}
"""


def test_a_trace_is_read_by_its_instants() -> None:
    """The first is at 0; blocks are what beginnings share."""
    first, second, third = parse_entries(TRACE)
    assert (first.at, second.at, third.at) == (0.0, 1.5, 2.0)
    assert (first.input_tokens, first.output_tokens) == (600, 1)
    assert first.blocks[0] == second.blocks[0] == "block 46"
    form, codecs = make_form(), find_codecs()
    sent = [make_sent(one, number, form, Workload(), codecs) for number, one in enumerate((first, second))]
    texts = [render(one).split() for one in sent]
    assert [len(one) for one in texts] == [600, 1100]
    assert texts[0][:512] == texts[1][:512]
    assert texts[0][512:520] != texts[1][512:520]
    assert sent[1].at == 1.5


def test_bodies_are_sent_to_the_model_that_is_measured_and_streamed() -> None:
    """Their own text and settings stay."""
    lines = b"""{"model": "other", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.5, "at": 2}
{"path": "/api/chat", "body": {"model": "x", "messages": [{"role": "user", "content": "native"}]}, "at": 1}
"""
    native, chat = (make_sent(one, 0, make_form(), Workload(), find_codecs()) for one in parse_entries(lines))
    assert native.path == "/api/chat"
    assert (chat.path, chat.at, chat.stream) == ("/v1/chat/completions", 1.0, True)
    body = read(chat)
    assert (body["model"], body["temperature"], body["stream"]) == ("m", 0.5, True)
    assert render(chat) == "hi"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[]", "1: not a JSON object"),
        (b"\xff", "1: not a JSON object"),
        (b'\n{"hello": 1}', "2: no request that is known"),
        (b'{"input_length": "x", "output_length": 1}', "1: input_length is 'x'"),
        (b'{"input_length": 1, "output_length": 1, "timestamp": true}', "1: timestamp is True"),
        (b'{"prompt": "a", "at": 1e999}', "1: "),
        (b"[" * 100_000, "1: "),
        (b"\n \n", "there is no request in it"),
    ],
)
def test_what_is_no_request_is_told_with_its_line(line: bytes, said: str) -> None:
    """A number and why."""
    with pytest.raises(ValueError, match=r".") as error:
        parse_entries(line)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(path="/v1/nothing", body={}),
        Entry(path="/v1/chat/completions", body={"messages": "no list"}),
    ],
)
def test_what_cannot_be_sent_is_told(entry: Entry) -> None:
    """Nothing is made up for it."""
    with pytest.raises(NotUsable):
        make_sent(entry, 0, make_form(), Workload(), find_codecs())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["timestamp", "at", "path", "body", "input_length", "output_length", "hash_ids", "messages", "prompt", "input"]
)


@given(st.one_of(st.binary(max_size=60), st.dictionaries(NAMES, JSON, max_size=5).map(msgspec.json.encode)))
def test_no_file_breaks_it(content: bytes) -> None:
    """Requests that can be made, or a sentence."""
    try:
        entries = parse_entries(content)
    except ValueError as error:
        said = str(error)
    else:
        said = "fine"
        for one in entries:
            try:
                make_sent(one, 0, make_form(), Workload(), find_codecs())
            except NotUsable as error:
                said = str(error)
    assert said
