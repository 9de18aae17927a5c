"""Heads of messages: what is read of a request's and of an answer's, and how those that go on are written.

They are written anew from what was read, so that no header of a connection, no second length and no line break of one
side reaches the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus

import httptools

from keepwell.gateway.work.entry import Entry
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
#: Headers that say more about the body than its length.
_UNUSUAL = frozenset({b"expect", b"transfer-encoding"})

#: A target that is a whole address, and its parts; what a target may be otherwise.
_WHOLE_ADDRESS = re.compile(rb"https?://([^/?#]+)([/?].*)?", re.DOTALL | re.IGNORECASE)
_TARGET = re.compile(rb"/[\x21-\x7e]*|\*")
#: Lengths of bodies that no number tells.
CHUNKED, UNTIL_CLOSED = -1, -2

Headers = Sequence[tuple[bytes, bytes]]


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


def _join(headers: Iterable[tuple[bytes, bytes]], without: frozenset[bytes]) -> bytes:
    return b"".join([b"%b: %b\r\n" % (name, value) for name, value in headers if name not in without])


def _named_in(headers: Headers) -> frozenset[bytes]:
    """Headers that a `Connection` names: they are for the next hop, which is this gateway."""
    named = [value.lower() for name, value in headers if name == b"connection"]
    return frozenset(one.strip() for value in named for one in value.split(b","))
