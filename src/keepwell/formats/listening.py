"""Sockets that listen, as `ss`, `netstat` and `lsof` list them and as servers tell when they start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ADDRESS = (
    r"(?P<address>\[[0-9a-fA-F:.%\w]{2,60}\]|[0-9a-fA-F:]*::[0-9a-fA-F:.]*|\d{1,3}(?:\.\d{1,3}){3}"
    r"(?:%\w{1,16})?|\*|localhost)"
)
_PATTERNS = tuple(
    re.compile(text)
    for text in (
        rf"^\s*(?:tcp\s+)?LISTEN\s+\d+\s+\d+\s+{_ADDRESS}:(?P<port>\d{{1,5}})\s(?P<rest>.*)$",
        rf"^\s*(?:tcp|TCP)[46]?6?\s+(?:\d+\s+\d+\s+)?{_ADDRESS}[:.](?P<port>\d{{1,5}})\s+\S+\s+LISTEN"
        rf"(?:ING)?\b(?P<rest>.*)$",
        rf"^(?P<rest>\S{{1,40}}\s+\d+\s.{{0,80}})\bTCP {_ADDRESS}:(?P<port>\d{{1,5}}) \(LISTEN\)",
    )
)
_STARTED = re.compile(
    r"(?:[Ll]istening (?:on|at):?|[Rr]unning (?:on|at):?|[Ss]erving (?:on|at):?|started (?:on|at):?"
    r"|is listening on|server on)"
    rf" \(?(?:https?://|tcp://)?{_ADDRESS}:(?P<port>\d{{2,5}})\b"
)
_STARTED_FIELDS = re.compile(
    rf"listening[, ].{{0,40}}?hostname(?:[:=] ?|\": ?\"){_ADDRESS}.{{1,20}}?port(?:[:=] ?|\": ?\"?)(?P<port>\d{{2,5}})"
)
_PROGRAM = re.compile(r"\(\(\"([^\"]{1,40})\"|\d+/([\w.-]{1,40})|^(\S{1,40})\s+\d+\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """One socket that listens; `address` is 0.0.0.0 or :: where it takes connections to every address."""

    address: str
    port: int
    program: str = ""


def find_socket(line: str) -> Socket | None:
    """The listening socket that a line of a list shows, or None."""
    for pattern in _PATTERNS:
        found = pattern.match(line)
        if found is not None and int(found["port"]) <= 65535:
            names = _PROGRAM.search(found["rest"])
            program = ""
            if names is not None:
                program = names[1] or names[2] or names[3] or ""
            return Socket(address=_plain(found["address"]), port=int(found["port"]), program=program)
    return None


def find_started(line: str) -> Iterator[Socket]:
    """Addresses that a server says in its log that it listens on."""
    for pattern in (_STARTED, _STARTED_FIELDS):
        found = pattern.search(line)
        if found is not None and int(found["port"]) <= 65535:
            yield Socket(address=_plain(found["address"]), port=int(found["port"]))
            return


def _plain(address: str) -> str:
    plain = address.strip("[]").partition("%")[0]
    return {"*": "0.0.0.0"}.get(plain, plain)
