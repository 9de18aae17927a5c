"""Heads of messages: what is read of a request's and of an answer's, and how those that go on are written.

They are written anew from what was read, so that no header of a connection, no second length and no line break of one
side reaches the other. Clients and engines send the same head again and again, but for the digits of its length: the
bytes with a length of 0 are looked up in a table, and llhttp reads a head only once for all of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Generic, TypeVar

import httptools

from keepwell.gateway.entry import Entry
from keepwell.plugins.routing import Replica

#: Headers that belong to the connection and not to the message (RFC 9110, 7.6.1), or are written anew.
CONNECTION = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
#: Headers by which a client proves itself to the gateway: no engine needs to know them.
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"cookie"})
_KEPT_BACK = CONNECTION | CREDENTIALS
#: Headers of an engine's answer that are not for the client: who may read it in a browser is decided here, not there.
_BROWSERS = (b"allow-credentials", b"allow-headers", b"allow-methods", b"allow-origin", b"expose-headers", b"max-age")
_NOT_PASSED_ON = CONNECTION | frozenset(b"access-control-" + name for name in _BROWSERS)
_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
#: Methods that are understood.
METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
#: Bytes of a head.
HEAD_BYTES = 64 * 1024
#: Heads that are remembered, each way, and how long one of them may be: some MiB at most.
REMEMBERED, SEEN_BYTES = 512, 2048
#: Headers that say more about the body than its length.
_UNUSUAL = frozenset({b"expect", b"transfer-encoding"})
#: How the two spellings that clients and engines use begin the line with the length.
_LENGTH, _LENGTH_LOWER = b"\r\nContent-Length: ", b"\r\ncontent-length: "
#: Digits of a length; more of them are for the parser to judge.
_DIGITS = 12

#: A target that is a whole address, and its parts; what a target may be otherwise.
_WHOLE_ADDRESS = re.compile(rb"https?://([^/?#]+)([/?].*)?", re.DOTALL | re.IGNORECASE)
_TARGET = re.compile(rb"/[\x21-\x7e]*|\*")
#: Lengths of bodies that no number tells.
CHUNKED, UNTIL_CLOSED = -1, -2

Headers = Sequence[tuple[bytes, bytes]]
Head = TypeVar("Head")


class RequestHead:
    """What the head of a request says; one object may stand for many requests. Names of headers are in lower case."""

    __slots__ = ("close", "entry", "fault", "headers", "method", "named", "old", "onward", "page", "path", "plain")

    def __init__(self, method: bytes, path: bytes, headers: Headers, *, old: bool, close: bool) -> None:
        whole = _WHOLE_ADDRESS.fullmatch(path)
        if whole is not None:  # what it says of the host counts, not the header (RFC 9112, 3.2.2)
            path = whole[2] or b"/"
            headers = [(b"host", whole[1]), *[one for one in headers if one[0] != b"host"]]
        self.method = method
        self.path = path
        self.headers = headers
        #: The last header of each name.
        self.named = dict(headers)
        self.old = old
        self.close = close
        #: Why it is refused: a status and a sentence; None for one that can be worked on.
        self.fault = find_fault(method, path, headers, old=old)
        #: The first line and the headers as an engine gets them, without those that stand for this engine.
        self.onward = b"%b %b HTTP/1.1\r\n%b" % (method, path, _join(headers, _KEPT_BACK | _named_in(headers)))
        #: True if nothing but the length of its body is to be known before it can be worked on.
        self.plain = not (self.fault or old or close or _UNUSUAL & self.named.keys())
        #: Lines of the answer's head that let a web page read it.
        self.page = b""
        #: What it means to the gateway, once that was found out.
        self.entry: Entry | None = None


class AnswerHead:
    """What the head of an answer says; one object may stand for many answers.

    `length` is the body's size, -1 where it is told otherwise; `empty`: there is none, whatever the length;
    `stays`: the connection can be used again.
    """

    __slots__ = ("chunked", "empty", "headers", "length", "onward", "status", "stays")

    def __init__(self, status: int, headers: Headers, *, stays: bool) -> None:
        self.status = status
        self.headers = headers
        self.stays = stays
        named = dict(headers)
        self.chunked = b"transfer-encoding" in named
        self.length = int(named.get(b"content-length", -1))
        self.empty = status in (204, 304)
        if self.empty:
            self.length = 0
        #: The first line and the headers as a client gets them, without ours and the end.
        self.onward = (_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status) + _join(
            headers, _NOT_PASSED_ON | _named_in(headers)
        )


def find_fault(method: bytes, path: bytes, headers: Headers, *, old: bool) -> tuple[int, str] | None:
    """What a head says that is well-formed for its reader, and still nothing that can be worked on (RFC 9112)."""
    hosts = [value for name, value in headers if name == b"host"]
    codings = [value.strip(b" \t").lower() for name, value in headers if name == b"transfer-encoding"]
    expected = [value.lower() for name, value in headers if name == b"expect"]
    if method not in METHODS:
        return 501, "this gateway knows no such method"
    if _TARGET.fullmatch(path) is None:
        return 400, "the target is no path"
    if len(hosts) > 1 or not (hosts or old):
        return 400, f"a request names one host, this one {len(hosts)}"
    if codings and (old or codings != [b"chunked"]):
        return 501, "this gateway reads no other coding than chunked"
    if expected and not old and expected != [b"100-continue"]:
        return 417, "this gateway does nothing that is expected but 100-continue"
    return None


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


class HeadReader(Generic[Head]):
    """Reads the heads that come over one connection; the next one is most often the last one with another length.

    `head` and `length` are those of the head that was read last; `length` is -1 where the head must tell.
    """

    __slots__ = ("_after", "_before", "_counted", "_parse", "head", "length")
    head: Head

    def __init__(self, parse: Callable[[bytes], Head]) -> None:
        self.length = -1
        self._parse = parse
        #: Of the last head: what stands before the digits of its length, what after them, and if there are any.
        self._before, self._after, self._counted = b"\0", b"", False

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
        key, length = split_length(data, end)
        self.head = self._parse(key)
        self.length = length
        self._remember(data[: end + 4])
        return end + 4

    def _remember(self, head: bytes) -> None:
        self._before, self._after, self._counted = head, b"", self.length >= 0
        if self._counted:
            start = max(head.find(_LENGTH), head.find(_LENGTH_LOWER)) + len(_LENGTH)
            stop = head.find(b"\r\n", start)
            self._before, self._after = head[:start], head[stop:]


def read_request_head(key: bytes) -> RequestHead:
    """The head of this key (see `split_length`). Raises httptools.HttpParserError, HttpParserUpgrade."""
    if len(key) > SEEN_BYTES:
        return _read_request_head(key)
    return _seen_request_head(key)


def read_answer_head(key: bytes) -> AnswerHead:
    """The head of this key (see `split_length`). Raises httptools.HttpParserError, HttpParserUpgrade."""
    if len(key) > SEEN_BYTES:
        return _read_answer_head(key)
    return _seen_answer_head(key)


def render_replica(replica: Replica) -> bytes:
    """The lines of a request's head that stand for the engine: its name, and its own key."""
    lines = b"host: %b:%d\r\n" % (replica.host.encode(), replica.port)
    if replica.api_key:
        lines += b"authorization: Bearer %b\r\n" % replica.api_key.encode()
    return lines


def is_old(version: str) -> bool:
    """True for HTTP/1.0. Raises httptools.HttpParserError for what is neither this nor HTTP/1.1."""
    if version not in ("1.0", "1.1"):
        raise httptools.HttpParserError(f"HTTP/{version} is not spoken here")
    return version == "1.0"


def render_head(status: int, own: bytes, *, length: int, close: bool) -> bytes:
    """The head of an answer that the gateway gives itself: `own` are its header lines, `length` is the body's."""
    first = _LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return first + own + render_framing(length, close=close)


def render_framing(length: int, *, close: bool) -> bytes:
    """The last lines of a head: the body's size, CHUNKED or UNTIL_CLOSED."""
    lines = b""
    if length >= 0:
        lines = b"content-length: %d\r\n" % length
    elif length == CHUNKED:
        lines = b"transfer-encoding: chunked\r\n"
    if close:
        lines += b"connection: close\r\n"
    return lines + b"\r\n"


class _Reading:
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


def _named_in(headers: Headers) -> frozenset[bytes]:
    """Headers that a `Connection` names: they are for the next hop, which is this gateway."""
    named = [value.lower() for name, value in headers if name == b"connection"]
    return frozenset(one.strip() for value in named for one in value.split(b","))


def _read_request_head(key: bytes) -> RequestHead:
    read = _Reading()
    parser = httptools.HttpRequestParser(read)
    read.feed(parser, key)
    old = is_old(parser.get_http_version())
    return RequestHead(parser.get_method(), read.path, read.headers, old=old, close=not read.stays)


def _read_answer_head(key: bytes) -> AnswerHead:
    read = _Reading()
    parser = httptools.HttpResponseParser(read)
    read.feed(parser, key)
    return AnswerHead(parser.get_status_code(), read.headers, stays=read.stays)


_seen_request_head = lru_cache(REMEMBERED)(_read_request_head)
_seen_answer_head = lru_cache(REMEMBERED)(_read_answer_head)


def _join(headers: Iterable[tuple[bytes, bytes]], without: frozenset[bytes]) -> bytes:
    return b"".join([b"%b: %b\r\n" % (name, value) for name, value in headers if name not in without])
