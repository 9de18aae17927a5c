"""Frames: any chunking gives the same, limits hold, garbage is a named error."""

from __future__ import annotations

import contextlib
import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import TooLarge
from keepwell.transport.wire import (
    GREETING_BYTES,
    HEADER_BYTES,
    MARK,
    PAYLOAD_BYTES,
    BrokenFrame,
    Frame,
    Frames,
    Greeting,
    parse_answer,
    render_call,
    render_frame,
)

#: Names of files hold bytes that are no UTF-8 as these lone surrogates.
_TEXT = st.text(st.characters() | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_FRAMES = st.lists(st.tuples(st.dictionaries(st.text(), _JSON, max_size=4), st.binary(max_size=300)), max_size=5)


def _in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(_FRAMES, st.lists(st.integers(0, 2000), max_size=12))
@settings(max_examples=60)
def test_any_chunking_gives_the_same(wanted: list[tuple[dict[str, object], bytes]], cuts: list[int]) -> None:
    data = b"".join(render_frame(header, payload) for header, payload in wanted)
    frames = Frames()
    got = [frame for piece in _in_pieces(data, cuts) for frame in frames.feed(piece)]
    assert [(frame.header, frame.payload) for frame in got] == wanted
    assert frames.waiting_bytes == 0


def test_byte_by_byte() -> None:
    data = render_call(7, "read", {"path": "/a\udcff"}, b"\0\1") + render_frame({"id": 8})
    frames = Frames()
    got = [frame for one in data for frame in frames.feed(bytes([one]))]
    assert got == [Frame({"id": 7, "call": "read", "args": {"path": "/a\udcff"}}, b"\0\1"), Frame({"id": 8})]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
@settings(max_examples=150)
def test_garbage_is_a_named_error_or_waits(data: bytes, cuts: list[int]) -> None:
    frames = Frames()
    with contextlib.suppress(BrokenFrame):
        for piece in _in_pieces(data, cuts):
            for frame in frames.feed(piece):
                parse_answer(frame)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!II", HEADER_BYTES + 1, 0),
        struct.pack("!II", 2, PAYLOAD_BYTES + 1),
        struct.pack("!II", 0, 5),
        struct.pack("!II", 2, 0) + b"{x",
        struct.pack("!II", 2, 0) + b"[]",
        struct.pack("!II", 3, 0) + b'"\xff"',
        struct.pack("!II", 200_000, 0) + b"[" * 200_000,
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
def test_what_is_no_frame_breaks_it_for_good(data: bytes) -> None:
    frames = Frames()
    with pytest.raises(BrokenFrame):
        frames.feed(data)
    with pytest.raises(BrokenFrame):
        frames.feed(render_frame({"id": 1}))


@pytest.mark.parametrize(
    "header",
    [{}, {"id": 1}, {"id": "1", "ok": {}}, {"id": True, "ok": {}}, {"id": 1, "ok": {}, "no": {}}, {"id": 1, "no": 3}],
)
def test_what_is_no_answer(header: dict[str, object]) -> None:
    with pytest.raises(BrokenFrame):
        parse_answer(Frame(header))


def test_answers() -> None:
    assert parse_answer(Frame({"id": 1, "ok": {"a": 2}}, b"x")).payload == b"x"
    assert parse_answer(Frame({"id": 1, "no": {"kind": "TimedOut"}})).no == {"kind": "TimedOut"}


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(TooLarge, match="arguments"):
        render_call(1, "run", {"argv": ["x" * HEADER_BYTES]})
    with pytest.raises(TooLarge, match="in one call"):
        render_call(1, "write", {}, bytes(PAYLOAD_BYTES + 1))


@given(st.binary(max_size=80), st.binary(max_size=80), st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=60)
def test_what_a_shell_says_first_is_passed_over(said: bytes, rest: bytes, cuts: list[int]) -> None:
    if MARK in said + MARK[:-1]:
        return
    greeting = Greeting()
    assert b"".join(greeting.feed(piece) for piece in _in_pieces(said + MARK + rest, cuts)) == rest
    assert greeting.over
    assert bytes(greeting.said) == said


def test_a_shell_that_never_stops_talking() -> None:
    greeting = Greeting()
    with pytest.raises(BrokenFrame, match="no far end"):
        greeting.feed(b"Welcome! " * GREETING_BYTES)
