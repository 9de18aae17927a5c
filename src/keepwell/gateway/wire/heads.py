"""Heads of requests: what is read of one, and what of it an engine gets."""

from __future__ import annotations

import re

from keepwell.gateway.work.entry import Entry
from keepwell.plugins.routing import Replica
from keepwell.wire.heads import CONNECTION, Headers, join, named_in

#: Headers by which a client proves itself to the gateway: no engine needs to know them.
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"cookie"})
_KEPT_BACK = CONNECTION | CREDENTIALS
#: Methods that are understood.
METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
#: Headers that say more about the body than its length.
_UNUSUAL = frozenset({b"expect", b"transfer-encoding"})

#: A target that is a whole address, and its parts; what a target may be otherwise.
_WHOLE_ADDRESS = re.compile(rb"https?://([^/?#]+)([/?].*)?", re.DOTALL | re.IGNORECASE)
_TARGET = re.compile(rb"/[\x21-\x7e]*|\*")


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
        self.onward = b"%b %b HTTP/1.1\r\n%b" % (method, path, join(headers, _KEPT_BACK | named_in(headers)))
        #: True if nothing but the length of its body is to be known before it can be worked on.
        self.plain = not (self.fault or old or close or _UNUSUAL & self.named.keys())
        #: Lines of the answer's head that let a web page read it.
        self.page = b""
        #: What it means to the gateway, once that was found out.
        self.entry: Entry | None = None


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
