"""Heads of messages: what is read of an answer's, and how the lines of any are written.

They are written anew from what was read, so that no header of a connection, no second length and no line break of one
side reaches the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus

import httptools

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
#: Headers of an engine's answer that are not for the client: who may read it in a browser is decided here, not there.
_BROWSERS = (b"allow-credentials", b"allow-headers", b"allow-methods", b"allow-origin", b"expose-headers", b"max-age")
_NOT_PASSED_ON = CONNECTION | frozenset(b"access-control-" + name for name in _BROWSERS)
_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
#: Lengths of bodies that no number tells.
CHUNKED, UNTIL_CLOSED = -1, -2

Headers = Sequence[tuple[bytes, bytes]]


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
        self.onward = (_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status) + join(
            headers, _NOT_PASSED_ON | named_in(headers)
        )


def is_old(version: str) -> bool:
    """True for HTTP/1.0. Raises httptools.HttpParserError for what is neither this nor HTTP/1.1."""
    if version not in ("1.0", "1.1"):
        raise httptools.HttpParserError(f"HTTP/{version} is not spoken here")
    return version == "1.0"


def render_head(status: int, own: bytes, *, length: int, close: bool) -> bytes:
    """The head of an answer that is given here: `own` are its header lines, `length` is the body's."""
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


def join(headers: Iterable[tuple[bytes, bytes]], without: frozenset[bytes]) -> bytes:
    """Headers as lines of a head, but for those `without`."""
    return b"".join([b"%b: %b\r\n" % (name, value) for name, value in headers if name not in without])


def named_in(headers: Headers) -> frozenset[bytes]:
    """Headers that a `Connection` names: they are for the next hop alone."""
    named = [value.lower() for name, value in headers if name == b"connection"]
    return frozenset(one.strip() for value in named for one in value.split(b","))
