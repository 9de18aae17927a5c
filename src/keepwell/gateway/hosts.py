"""By which names this gateway may be called, and which web pages may ask it: a browser must not be its owner's enemy.

A page that makes its own name point at this machine (DNS rebinding) is refused for the name, a page of another
origin for its origin; addresses pass, since no page can claim one. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

#: Names by which a machine calls itself.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
#: Names by which containers and virtual machines call the machine that they run on. No web page can have one: the
#: domain "internal" is reserved for private use (by ICANN's board, July 2024).
CONTAINER_NAMES = frozenset(
    {"host.docker.internal", "gateway.docker.internal", "host.containers.internal", "host.lima.internal"}
)
#: Hosts whose verdict is remembered.
REMEMBERED = 1024
#: Headers that a page may send, methods that it may use, seconds for which a browser remembers the answer, and what a
#: page may read of an answer.
PAGE_HEADERS = frozenset(
    {
        *("accept", "authorization", "cache-control", "content-type", "user-agent", "x-api-key", "x-requested-with"),
        *("anthropic-version", "x-keepwell-session"),
    }
)
#: The official clients send headers of their own with such beginnings.
PAGE_HEADER_STARTS = ("x-stainless-", "openai-", "anthropic-")
PAGE_METHODS = b"GET, HEAD, POST, DELETE, OPTIONS"
PAGE_SECONDS = 600
PAGE_READS = (
    b"retry-after, x-keepwell-request, x-keepwell-replica, x-keepwell-asked, x-keepwell-model, x-keepwell-proof"
)
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{0,5})?")
#: What may stand in the header that names the page.
_HEADER_SAFE = re.compile(r"[\x21-\x7e]{1,256}")
_HEADER = re.compile(r"[a-z0-9-]{1,64}")


class Hosts:
    """`hosts` are names beside this machine's own, with or without a port; `origins` pages such as https://chat.lan."""

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = LOCAL_NAMES | CONTAINER_NAMES | {one.strip().lower().rstrip(".") for one in hosts}
        self._origins = frozenset(one.strip().lower().rstrip("/") for one in origins)
        self._called: dict[bytes, bool] = {}

    def may_be_called(self, host: bytes) -> bool:
        """True for a name of this machine, one that is listed, and any address."""
        known = self._called.get(host)
        if known is None:
            if len(self._called) >= REMEMBERED:
                self._called.clear()
            known = self._called[host] = self._is_own(host.decode("latin-1").strip().lower())
        return known

    def may_ask(self, origin: bytes, host: bytes) -> bool:
        """True for a page that is listed or comes from this gateway itself, and for what is no page of the web.

        A page without an origin of its own ("null": a sandboxed frame, a file) may not.
        """
        name = origin.decode("latin-1").strip().lower()
        scheme, _, where = name.partition("://")
        if self._is_listed(name):
            return True
        if scheme not in ("http", "https"):
            return name != "null"
        return where.encode("latin-1") == host.strip().lower()

    def render_page_headers(self, origin: bytes) -> bytes:
        """Header lines that let a listed page read the answer, b"" for any other."""
        if not self._is_listed(origin.decode("latin-1").strip().lower()):
            return b""
        allowed = b"access-control-allow-origin: %b\r\nvary: origin\r\n" % origin.strip()
        return allowed + b"access-control-expose-headers: %b\r\n" % PAGE_READS

    def render_preflight(self, origin: bytes, headers: bytes) -> bytes:
        """Header lines of the answer to a browser that asks before a page's request, b"" if the page may not."""
        if not self._is_listed(origin.decode("latin-1").strip().lower()):
            return b""
        wished = [one.strip().lower() for one in headers.decode("latin-1").split(",")]
        allowed = ", ".join(one for one in wished if _may_be_sent(one))
        lines = b"access-control-allow-origin: %b\r\nvary: origin\r\n" % origin.strip()
        lines += b"access-control-allow-methods: %b\r\n" % PAGE_METHODS
        if allowed:
            lines += b"access-control-allow-headers: %b\r\n" % allowed.encode("ascii")
        return lines + b"access-control-max-age: %d\r\n" % PAGE_SECONDS

    def _is_listed(self, origin: str) -> bool:
        return origin in self._origins or ("*" in self._origins and _HEADER_SAFE.fullmatch(origin) is not None)

    def _is_own(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = (found["six"] or found["name"]).rstrip(".")
        if name in self._hosts or host in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _may_be_sent(header: str) -> bool:
    known = header in PAGE_HEADERS or header.startswith(PAGE_HEADER_STARTS)
    return known and _HEADER.fullmatch(header) is not None
