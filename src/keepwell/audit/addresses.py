"""Addresses in a line: URLs, and hosts with the port of an engine."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

_FILLED = r"\$?\{[^{}\s\"'`]{0,80}\}|\$\w+|%s"
_HOST = rf"\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9_.-]|{_FILLED})+"
_URL = re.compile(
    rf"(?P<scheme>https?|wss?)://(?P<login>[^\s/@\"'`<>]{{1,200}}@)?(?P<host>{_HOST})"
    rf"(?::(?P<port>\d{{1,5}}(?!\d)|{_FILLED}))?(?P<path>/[^\s\"'`<>(){{}}\[\]\\,;|]*)?",
    re.IGNORECASE,
)
#: A host before a port: a name, an IPv4 address or an IPv6 address in brackets, nothing of a path or a longer word.
_BEFORE = r"(?<![\w.:/@$}-])(?P<host>[A-Za-z][\w.-]{0,200}|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address and where it stands: `start` to `end` are scheme, host and port; `path` follows, "" for none.

    `scheme` is "" where none is written, `port` may be a blank that is filled in later, "" where none is written.
    """

    start: int
    end: int
    scheme: str
    host: str
    port: str
    path: str
    login: bool

    @property
    def path_end(self) -> int:
        """Where the path ends."""
        return self.end + len(self.path)


def find_addresses(line: str, ports: Collection[int]) -> Iterator[Address]:
    """URLs, then hosts with one of these ports where no scheme stands."""
    taken: list[tuple[int, int]] = []
    if "://" in line:
        for found in _URL.finditer(line):
            one = _of_url(found)
            taken.append((one.start, one.path_end))
            yield one
    for found in _host_pattern(tuple(ports)).finditer(line):
        if any(start <= found.start() < end for start, end in taken):
            continue
        yield Address(
            start=found.start(),
            end=found.end(),
            scheme="",
            host=found["host"],
            port=found["port"],
            path="",
            login=False,
        )


def find_bare_ports(line: str, ports: Collection[int]) -> Iterator[tuple[int, int]]:
    """Where one of these ports stands without a host: from and to."""
    for found in _port_pattern(tuple(ports)).finditer(line):
        yield found.span("port")


def _of_url(found: re.Match[str]) -> Address:
    path = (found["path"] or "").rstrip(".")
    end = found.end() - len(found["path"] or "")
    return Address(
        start=found.start(),
        end=end,
        scheme=found["scheme"].lower(),
        host=found["host"],
        port=found["port"] or "",
        path=path,
        login=found["login"] is not None,
    )


@cache
def _port_pattern(ports: tuple[int, ...]) -> re.Pattern[str]:
    written = "|".join(str(one) for one in ports)
    before = r"(?:[=:,\[\"'(]\s*|--?p(?:ort)?\s+|\b(?:expose|ports?:\s*-)\s+)(?<![\w.])"
    return re.compile(rf"{before}(?P<port>{written})(?![\w.])", re.IGNORECASE)


@cache
def _host_pattern(ports: tuple[int, ...]) -> re.Pattern[str]:
    written = "|".join(str(one) for one in ports)
    return re.compile(rf"{_BEFORE}:(?P<port>{written})(?![\d:.\w-])")
