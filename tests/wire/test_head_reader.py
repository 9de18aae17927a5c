"""Heads by table: what is looked up is what llhttp would say, and only what may be looked up."""

from __future__ import annotations

from collections.abc import Sequence

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.wire.request_head import read_request_head
from keepwell.wire.head_reader import HeadReader, read_answer_head, split_length

HEAD = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: %b\r\nX-A: 1\r\n\r\n"
NAMES = st.sampled_from([b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"X-A", b"date", b"Connection"])
VALUES = st.sampled_from([b"0", b"7", b"007", b"312", b"+7", b"7 ", b"", b"7, 7", b"99999999999999999999", b"close"])
HEADS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(
    lambda rows: b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % row for row in rows)
)


class Plain:
    """What llhttp says of a head by itself."""

    def __init__(self, head: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.length = 0
        self.whole = False
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(head)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.length = int(dict(self.headers).get(b"content-length", b"-1"))
        self.whole = True


def names(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, ...]]:
    """All but lengths, which are compared by themselves."""
    return [row for row in headers if row[0] != b"content-length"]


@settings(max_examples=300, deadline=None)
@given(st.lists(HEADS, min_size=1, max_size=6))
def test_heads_in_a_row_are_read_as_each_by_itself(heads: list[bytes]) -> None:
    reader = HeadReader(read_request_head)
    for head in heads:
        try:
            plain = Plain(head)
        except httptools.HttpParserError:
            with pytest.raises(httptools.HttpParserError):
                reader.read(head + b"body")
            continue
        assert reader.read(head + b"body") == len(head)
        length = reader.length if reader.length >= 0 else int(reader.head.named.get(b"content-length", b"-1"))
        assert length == plain.length
        own = [tuple(line.split(b": ", 1)) for line in reader.own.split(b"\r\n")[:-1]]
        assert sorted(names(reader.head.headers) + own) == sorted(names(plain.headers))


def test_the_same_head_with_another_length_is_the_same_object() -> None:
    reader = HeadReader(read_request_head)
    found = []
    for digits in (b"3", b"71", b"0", b"12"):
        data = HEAD % digits + b"x" * 12
        assert data[reader.read(data) :] == b"x" * 12
        assert reader.length == int(digits)
        found.append(reader.head)
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize("digits", [b"+3", b"3 3", b"0x3", b"3\r\nContent-Length: 4", b"1" * 13, "٣".encode()])
def test_what_are_no_digits_is_never_taken_for_a_length(digits: bytes) -> None:
    head = HEAD % digits
    assert split_length(head, head.index(b"\r\n\r\n"))[1] in (-1, 3)
    reader = HeadReader(read_request_head)
    reader.read(HEAD % b"3")
    try:
        reader.read(head)
    except httptools.HttpParserError:
        return
    assert reader.length == -1


def test_a_head_that_is_not_whole_is_none_yet() -> None:
    reader = HeadReader(read_answer_head)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    assert [reader.read(head[:cut]) for cut in range(len(head))] == [-1] * len(head)
    assert reader.read(head) == len(head)
    assert [reader.read(head[:cut]) for cut in range(len(head))] == [-1] * len(head)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: a\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\rx: y\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
)
def test_lines_that_two_readers_could_end_elsewhere_are_refused(head: bytes) -> None:
    with pytest.raises(httptools.HttpParserError):
        HeadReader(read_request_head).read(head)


def test_an_answer_without_a_body_says_so() -> None:
    assert read_answer_head(b"HTTP/1.1 204 No Content").empty
    assert read_answer_head(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9").length == 0
    assert not read_answer_head(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0").stays


TRACED = b"POST / HTTP/1.1\r\nHost: a\r\nTraceparent: 00-%d\r\ncontent-length: 4\r\nx-request-id: %d\r\n\r\n"


def test_lines_of_the_single_message_are_no_part_of_its_kind_and_go_on() -> None:
    reader = HeadReader(read_request_head)
    found = []
    for number in range(3):
        data = TRACED % (number, number) + b"body"
        assert data[reader.read(data) :] == b"body"
        assert reader.length == 4
        assert reader.own == b"Traceparent: 00-%d\r\nx-request-id: %d\r\n" % (number, number)
        found.append(reader.head)
    assert len(set(map(id, found))) == 1
    plain = b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\n\r\n"
    for _ in range(2):
        assert reader.read(plain) == len(plain)
        assert reader.own == b""


@pytest.mark.parametrize(
    "line",
    [
        b"traceparent: a\r\n x: y",
        b"traceparent: a\x00",
        b"traceparent:a",
        b"traceparent : a",
        b"x-traceparent: a",
        b"connection: b3\r\nb3: 1",
    ],
)
def test_only_a_plain_line_is_taken_out(line: bytes) -> None:
    reader = HeadReader(read_request_head)
    head = b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\ncontent-length: 4\r\n\r\n" % line
    try:
        reader.read(head)
    except httptools.HttpParserError:
        return
    assert reader.own == b""
    assert names(reader.head.headers) == names(Plain(head).headers)
