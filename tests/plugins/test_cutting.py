"""Streams are cut into the same events, in whatever pieces they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.plugins import cutting
from keepwell.plugins.cutting import EventCutter, LineCutter, TooLong


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"event: x\r\ndata: a\r\n\r\n", [b"a"]),
        (b": ping\n\nevent: x\n\ndata\n\ndata: a\n\n", [b"a"]),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: \n\n", [b""]),
        (b"data: a", [b"a"]),
        (b"data: a\n\nda", [b"a"]),
        (b"data: a\n\n: data: b\n\n", [b"a"]),
        (b"", []),
    ],
)
def test_events(body: bytes, found: list[bytes]) -> None:
    cutter = EventCutter()
    assert cutter.feed(body) + cutter.end() == found
    bytewise = EventCutter()
    assert [one for at in range(len(body)) for one in bytewise.feed(body[at : at + 1])] + bytewise.end() == found


@given(
    parts=st.lists(
        st.sampled_from([b"data: a", b"data:", b"\n", b"\r\n", b"\n\n", b": c", b"id: 1", b" "]), max_size=12
    ),
    data=st.data(),
)
@settings(max_examples=100)
def test_events_are_the_same_in_any_pieces(parts: list[bytes], data: st.DataObject) -> None:
    body = b"".join(parts)
    cuts = sorted({0, len(body), *data.draw(st.lists(st.integers(0, len(body)), max_size=4))})
    whole, pieces = EventCutter(), EventCutter()
    found = [one for at, to in pairwise(cuts) for one in pieces.feed(body[at:to])]
    assert found + pieces.end() == whole.feed(body) + whole.end()


def test_lines() -> None:
    cutter = LineCutter()
    assert cutter.feed(b"a\r\n\nb") == [b"a"]
    assert cutter.feed(b"c\n") == [b"bc"]
    assert cutter.feed(b"rest") == []
    assert cutter.end() == b"rest"


def test_an_event_without_end() -> None:
    with pytest.raises(TooLong):
        EventCutter().feed(b"data: " + bytes(cutting.MOST_BYTES))
    with pytest.raises(TooLong):
        LineCutter().feed(bytes(cutting.MOST_BYTES + 1))
