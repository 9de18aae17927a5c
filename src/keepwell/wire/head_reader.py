"""Reads heads by table. Clients and engines send the same head again and again, but for the digits of its length: the
bytes with a length of 0 are looked up, and llhttp reads a head only once for all of its kind. Lines that are another
one in each message and say nothing of it, as those of tracing, are no part of the kind: they go on as they came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

import httptools

from keepwell.wire.heads import AnswerHead

#: Bytes of a head.
HEAD_BYTES = 64 * 1024
#: Heads that are remembered, each way, and how long one of them may be: some MiB at most.
REMEMBERED, SEEN_BYTES = 512, 2048
#: How the two spellings that clients and engines use begin the line with the length.
_LENGTH, _LENGTH_LOWER = b"\r\nContent-Length: ", b"\r\ncontent-length: "
#: Digits of a length; more of them are for the parser to judge.
_DIGITS = 12
#: Headers of the single message, and how many of them may be in one. Each is one plain line that is not continued.
#: The date is none of them: it stays the same for a second, in which hundreds of heads are told by comparison alone.
_OWN_NAMES = (
    *(b"traceparent", b"tracestate", b"baggage", b"b3", b"x-b3-traceid", b"x-b3-spanid", b"sentry-trace"),
    *(b"x-amzn-trace-id", b"x-cloud-trace-context", b"x-request-id", b"x-correlation-id", b"x-client-request-id"),
    *(b"idempotency-key", b"x-request-start", b"openai-processing-ms", b"x-process-time"),
)
_OWN = re.compile(rb"\r\n((?:%b): [\x20-\x7e]*)(?=\r\n[^ \t])" % b"|".join(_OWN_NAMES), re.IGNORECASE)
#: A head that says of one of them that it is not to go on.
_KEPT_BACK = re.compile(rb"\r\nconnection:[^\r\n]*(?:%b)" % b"|".join(_OWN_NAMES), re.IGNORECASE)
_OWN_LINES = 8
#: What is before and after the length of no head at all.
_NONE = (b"\0", b"\0", True)

Head = TypeVar("Head")


class HeadReader(Generic[Head]):
    """Reads the heads that come over one connection; the next one is most often the last one with another length.

    `head` and `length` are those of the head that was read last; `length` is -1 where the head must tell. `own` are
    the lines that only this one message has, which are not in `head`.
    """

    __slots__ = ("_after", "_before", "_counted", "_parse", "head", "length", "own")
    head: Head

    def __init__(self, parse: Callable[[bytes], Head]) -> None:
        self.length = -1
        self.own = b""
        self._parse = parse
        #: Of the last head: what stands before the digits of its length, what after them, and if there are any.
        self._before, self._after, self._counted = _NONE

    def read(self, data: bytes) -> int:
        """Where the body begins, -1 while the head is not whole or is too long. Raises httptools.HttpParserError,
        HttpParserUpgrade.
        """
        before = self._before
        if data.startswith(before):
            if not self._counted:
                return len(before)
            start = len(before)
            stop = data.find(b"\r\n", start, start + _DIGITS + 2)
            digits = data[start:stop]
            if stop > 0 and data.startswith(self._after, stop) and digits.isdigit():
                self.length = int(digits)
                return stop + len(self._after)
        end = data.find(b"\r\n\r\n", 0, HEAD_BYTES + 4)
        if end < 0:
            return -1
        self._before, self._after, self._counted = _NONE
        self.own = b""
        lines = _OWN.findall(data, 0, end + 4)
        if lines and len(lines) <= _OWN_LINES and _KEPT_BACK.search(data, 0, end) is None:
            head = _OWN.sub(b"", data[: end + 4])
            key, self.length = split_length(head, len(head) - 4)
            self.head = self._parse(key)
            self.own = b"\r\n".join([*lines, b""])
        else:
            key, self.length = split_length(data, end)
            self.head = self._parse(key)
            self._remember(data[: end + 4])
        return end + 4

    def _remember(self, head: bytes) -> None:
        self._before, self._after, self._counted = head, b"", self.length >= 0
        if self._counted:
            start = max(head.find(_LENGTH), head.find(_LENGTH_LOWER)) + len(_LENGTH)
            stop = head.find(b"\r\n", start)
            self._before, self._after = head[:start], head[stop:]


def split_length(data: bytes, end: int) -> tuple[bytes, int]:
    """The head that ends at `end` with a length of 0, and its true length; the head as it is and -1 where the length
    is not written in a usual way. Two heads that differ in nothing but these digits are read alike but for the length.
    """
    start = data.find(_LENGTH, 0, end)
    if start < 0:
        start = data.find(_LENGTH_LOWER, 0, end)
        if start < 0:
            return data[:end], -1
    start += len(_LENGTH)
    stop = data.find(b"\r\n", start)
    digits = data[start:stop]
    if not digits.isdigit() or len(digits) > _DIGITS:
        return data[:end], -1
    return data[:start] + b"0" + data[stop:end], int(digits)


def read_answer_head(key: bytes) -> AnswerHead:
    """The head of this key (see `split_length`). Raises httptools.HttpParserError, HttpParserUpgrade."""
    if len(key) > SEEN_BYTES:
        return _read_answer_head(key)
    return _seen_answer_head(key)


class Reading:
    """One head, as llhttp reads it."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.path = b""
        self._messages = self._heads = 0

    def feed(self, parser: httptools.HttpRequestParser | httptools.HttpResponseParser, key: bytes) -> None:
        """Read it, and nothing else. Raises httptools.HttpParserError, HttpParserUpgrade."""
        self._stays = parser.should_keep_alive
        parser.feed_data(key + b"\r\n\r\n")
        if self._messages != 1 or self._heads != 1 or key.count(b"\n") != key.count(b"\r\n"):
            raise httptools.HttpParserError("its lines do not end as they must")

    def on_message_begin(self) -> None:
        """A message begins."""
        self._messages += 1

    def on_url(self, url: bytes) -> None:
        """The target, or part of it."""
        self.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._heads += 1
        self.stays = self._stays()


def _read_answer_head(key: bytes) -> AnswerHead:
    read = Reading()
    parser = httptools.HttpResponseParser(read)
    read.feed(parser, key)
    return AnswerHead(parser.get_status_code(), read.headers, stays=read.stays)


_seen_answer_head = lru_cache(REMEMBERED)(_read_answer_head)
