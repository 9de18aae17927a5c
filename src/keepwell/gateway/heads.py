"""Heads of messages: of the request that an engine gets, and of the answer that a client gets.

Both are written anew from what was read, so that no header of a connection, no second length and no line break of
one side reaches the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from keepwell.gateway.inbound import Request
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


def render_request(request: Request, replica: Replica, body: bytes) -> bytes:
    """The request for an engine, with the engine's own key."""
    lines = [b"%b %b HTTP/1.1\r\nhost: %b:%d\r\n" % (request.method, request.path, replica.host.encode(), replica.port)]
    lines += [b"%b: %b\r\n" % (name, value) for name, value in request.headers if name not in _KEPT_BACK]
    if replica.api_key:
        lines.append(b"authorization: Bearer %b\r\n" % replica.api_key.encode())
    lines.append(b"content-length: %d\r\n\r\n" % len(body))
    lines.append(body)
    return b"".join(lines)


def render_head(status: int, headers: Iterable[tuple[bytes, bytes]], own: bytes, *, length: int, close: bool) -> bytes:
    """The head of an answer: the engine's headers without its connection's, then `own` lines of ours.

    `length` is the body's size, -1 for a chunked one, -2 for one that ends with the connection.
    """
    lines = [_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
    lines += [b"%b: %b\r\n" % (name, value) for name, value in headers if name not in _NOT_PASSED_ON]
    lines.append(own)
    if length >= 0:
        lines.append(b"content-length: %d\r\n" % length)
    elif length == -1:
        lines.append(b"transfer-encoding: chunked\r\n")
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)
