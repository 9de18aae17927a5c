"""Messages of programs that could not reach an address, or did: who was asked, and how it came out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Result: TypeAlias = Literal["answered", "refused", "silent", "no-name", "no-route", "reset", "tls"]

_HOST = r"\[?(?P<host>[0-9a-fA-F:.]{2,45}|[\w.-]{1,80})\]?"
_PORT = r"(?P<port>\d{2,5})"
#: One connection, as programs in several languages tell of it; what follows says why it failed.
_PATTERNS = tuple(
    re.compile(text)
    for text in (
        rf"dial tcp {_HOST}:{_PORT}\b(?P<why>.{{0,160}})",
        r"dial tcp: lookup (?P<host>[\w.-]{1,80})(?P<port>)(?P<why>.{0,160})",
        rf"[Ff]ailed to connect to {_HOST} port {_PORT}\b(?P<why>.{{0,160}})",
        rf"connect to {_HOST} port {_PORT}\b(?: from .{{1,60}}?)? (?P<why>failed.{{0,160}})",
        rf"Cannot connect to host {_HOST}:{_PORT}\b(?P<why>.{{0,240}})",
        rf"Connect call failed \('{_HOST}', {_PORT}(?P<why>)",
        rf"Connection(?:Pool)?\(host='{_HOST}', port=(?:'|){_PORT}(?P<why>.{{0,400}})",
        rf"(?P<why>ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET) {_HOST}:{_PORT}\b",
        r"(?P<why>ENOTFOUND|EAI_AGAIN) (?P<host>[\w.-]{1,80})(?P<port>)",
        r"(?P<why>[Cc]ould not resolve)(?: host)?:? (?P<host>[\w.-]{1,80})(?P<port>)",
        rf"[Cc]onnection to {_HOST} (?:port )?{_PORT}\b(?P<why>.{{0,80}})",
        rf"(?P<why>[Cc]onnection refused).{{0,40}}?https?://{_HOST}:{_PORT}\b",
        rf"https?://{_HOST}:{_PORT}\S{{0,120}}.{{0,60}}?(?P<why>[Cc]onnection refused|actively refused"
        rf"|[Tt]imed out|Couldn't connect)",
    )
)
_WHY: tuple[tuple[Result, re.Pattern[str]], ...] = (
    ("no-name", re.compile(r"no such host|not known|resolv|ENOTFOUND|EAI_AGAIN|getaddrinfo|server misbehaving", re.I)),
    ("no-route", re.compile(r"no route|unreachable|EHOSTUNREACH|ENETUNREACH", re.I)),
    ("tls", re.compile(r"wrong version number|tls|certificate|first record does not look", re.I)),
    ("reset", re.compile(r"reset by peer|ECONNRESET", re.I)),
    ("refused", re.compile(r"refused|ECONNREFUSED|Connect call failed", re.I)),
    ("silent", re.compile(r"timed? ?out|i/o timeout|ETIMEDOUT", re.I)),
)
#: curl says that it could not connect after so many milliseconds: at once is refused, after seconds is silence.
_AFTER = re.compile(r"after (\d{1,7}) ms")
SILENT_MS = 3000
_AT_ONCE: tuple[Result, Result] = ("refused", "silent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One attempt: the host, the port (0 if not told), how it came out, and the words for it."""

    host: str
    port: int
    result: Result
    said: str


def find_attempts(line: str) -> Iterator[Asked]:
    """Every attempt that failed of which a line tells, each address once."""
    told: set[tuple[str, int]] = set()
    for pattern in _PATTERNS:
        for found in pattern.finditer(line):
            host, port = found["host"].lower().rstrip("."), int(found["port"] or 0)
            result = _why(found["why"] or found[0])
            if result is None or (host, port) in told or port > 65535:
                continue
            told.add((host, port))
            yield Asked(host=host, port=port, result=result, said=found[0][:160])


def _why(words: str) -> Result | None:
    after = _AFTER.search(words)
    if after is not None and not _WHY[0][1].search(words):
        return _AT_ONCE[int(after[1]) >= SILENT_MS]
    return next((result for result, pattern in _WHY if pattern.search(words)), None)
