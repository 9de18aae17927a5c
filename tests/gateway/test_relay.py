"""Streams on their way: framed as the client needs it, the counts hidden, errors seen, wherever reads are cut."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.work.relay import Relay, without_usage
from keepwell.wire.heads import CHUNKED, UNTIL_CLOSED
from keepwell.wire.outbound import Outbound
from tests.gateway.made import DIALECTS

OPENAI = DIALECTS["openai"]
WORD = b'data: {"choices":[{"delta":{"content":"usage"}}]}\n\n'
EMPTY = b'data: {"choices":[{"delta":{"content":"x"}}],"usage":null}\n\n'
COUNTS = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class Opens:
    """Who makes the head; and the gate that a client's connection tells of itself."""

    max_body_bytes = 1

    def begin(self, data: bytes, length: int) -> bytes:
        return b"HEAD "

    def opened(self, client: Inbound) -> None:
        pass


def client_of(written: Written) -> Inbound:
    """A client's connection that writes there."""
    client = Inbound(Opens(), lambda: 0.0)
    client.transport = written
    return client


@given(st.lists(st.sampled_from([WORD, EMPTY, COUNTS, DONE]), max_size=8))
def test_only_events_of_counts_are_hidden(events: list[bytes]) -> None:
    assert without_usage(b"".join(events), OPENAI) == b"".join(one for one in events if one != COUNTS)


@settings(max_examples=150)
@given(st.lists(st.integers(1, 90), max_size=12), st.sampled_from([CHUNKED, UNTIL_CLOSED]))
def test_a_stream_is_the_same_however_it_is_cut(cuts: list[int], length: int) -> None:
    whole = WORD + EMPTY + COUNTS + DONE
    written = Written()
    relay = Relay(Opens(), client_of(written), OPENAI, length=length, raw=False, hides=True)
    place = 0
    for cut in cuts:
        relay.take(whole[place : place + cut])
        place += cut
    relay.take(whole[place:])
    relay.end()
    found = written.data.removeprefix(b"HEAD ")
    if length == CHUNKED:
        found = unframe(found)
    assert found == WORD + EMPTY + DONE
    assert (relay.read_usage().input_tokens, relay.read_usage().output_tokens) == (3, 2)
    assert not relay.alarm


def unframe(data: bytes) -> bytes:
    """A chunked body, whole."""
    parts = []
    while not data.startswith(b"0\r\n\r\n"):
        size, _, data = data.partition(b"\r\n")
        parts.append(data[: int(size, 16)])
        assert data[int(size, 16) :].startswith(b"\r\n")
        data = data[int(size, 16) + 2 :]
    assert data == b"0\r\n\r\n"
    return b"".join(parts)


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_an_error_in_a_stream_is_seen(cut: int) -> None:
    event = b"data: " + json.dumps({"error": {"message": "out of memory"}}).encode() + b"\n\n"
    relay = Relay(Opens(), client_of(Written()), OPENAI, length=CHUNKED, raw=True, hides=False)
    relay.take(event[:cut])
    relay.take(event[cut:])
    relay.read_usage()
    assert relay.alarm


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=12), max_size=5), st.integers(0, 200))
def test_a_chunk_may_follow_only_where_one_ended(chunks: list[bytes], cut: int) -> None:
    """`is_between` asks llhttp; here the places are known."""
    frames = [b"%x\r\n%b\r\n" % (len(one), one) for one in chunks if one]
    ends = {sum(map(len, frames[:number])) for number in range(len(frames) + 1)}
    body = b"".join(frames)
    cut = min(cut, len(body))
    connection, taker = Outbound(), Taker()
    connection.connection_made(Written())
    connection.ask(taker, b"POST")
    connection.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body[:cut])
    assert connection.is_between() is (cut in ends)


class Taker:
    """Takes an answer raw."""

    raw = True

    def head(self, answer: Outbound) -> Taker:
        return self

    grew = head

    def take(self, data: bytes) -> None:
        pass

    def whole(self, answer: Outbound, body: bytes) -> None:
        pass

    def finished(self, answer: Outbound) -> None:
        pass

    def broke(self, why: str) -> None:
        pass
