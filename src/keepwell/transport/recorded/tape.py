"""Tape: all that was seen of a node, as data: files, commands, answers, room and refusals.

`Recording` fills one from a real node, `Player` plays one, `tape_file` reads and
writes its JSON form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwell.core import errors
from keepwell.core.errors import AccessError
from keepwell.transport.base import FileKind, Ran, Reply, Space

#: A stretch of a file: the offset of its first byte, and its bytes.
Piece: TypeAlias = tuple[int, bytes]
#: Request headers that hold secrets; they are never recorded and never compared.
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})

_KINDS: dict[str, type[AccessError]] = {
    "AccessError": errors.AccessError,
    "NotThere": errors.NotThere,
    "NotPermitted": errors.NotPermitted,
    "TimedOut": errors.TimedOut,
    "Unreachable": errors.Unreachable,
    "TooLarge": errors.TooLarge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An AccessError as data. ValueError if `kind` is not the name of one."""

    kind: str
    what: str = "recorded refusal"
    where: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"no access error is called {self.kind!r}; known: {', '.join(_KINDS)}")

    def error(self) -> AccessError:
        """A new error that says this."""
        return _KINDS[self.kind](self.what, where=self.where, command=self.command)


def refusal_of(error: AccessError) -> Refusal:
    """The data of an error."""
    return Refusal(kind=type(error).__name__, what=error.what, where=error.where, command=error.command)


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeFile:
    """What lies at one path, as far as it was looked at.

    `pieces` are the stretches that were read, in order and apart; () when nobody read it. `names` are those
    of a folder, None when nobody listed it. `size_bytes` and `allocated_bytes` are -1 where they follow from
    the pieces. `leads_to` is what was seen through a link, for a target that is not on the tape itself.
    `refused` is what any look at the path met, `unreadable` what reading, listing or following it met.
    """

    kind: FileKind = "file"
    pieces: tuple[Piece, ...] = ()
    names: tuple[str, ...] | None = None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    modified_at: float = 0.0
    size_bytes: int = -1
    inode: int = 0
    allocated_bytes: int = -1
    device: str = ""
    target: str = ""
    leads_to: TapeFile | None = None
    refused: Refusal | None = None
    unreadable: Refusal | None = None

    def read(self, offset: int, max_bytes: int) -> bytes | None:
        """Up to `max_bytes` from `offset`; b"" past the last piece, None where nobody read."""
        for start, content in self.pieces:
            if start <= offset < start + len(content):
                return content[offset - start : offset - start + max_bytes]
        if self.pieces and offset >= end_of(self.pieces):
            return b""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and what came of it. A request fits that has this method, URL, at least these headers (lower
    case), and this body (b"" fits any).
    """

    method: str
    url: str
    answer: Reply | Refusal
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def fits(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        """True if this answers that request."""
        same = (self.method.upper(), self.url) == (method.upper(), url)
        return same and self.body in (b"", body) and self.headers.items() <= headers.items()

    @property
    def detail(self) -> tuple[int, int]:
        """How much it asks of a request; of two that fit, the one that asks more is meant."""
        return (len(self.headers), len(self.body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """Everything seen of one node. `recorded_at` is seconds since the epoch, `connections` are by (host, port)."""

    name: str
    python: str = ""
    recorded_at: float = 0.0
    files: Mapping[str, TapeFile] = field(default_factory=dict)
    commands: Mapping[tuple[str, ...], Ran | Refusal] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    spaces: Mapping[str, Space | Refusal] = field(default_factory=dict)
    connections: Mapping[tuple[str, int], Refusal | None] = field(default_factory=dict)


def end_of(pieces: tuple[Piece, ...]) -> int:
    """The offset after the last byte; 0 without pieces."""
    if not pieces:
        return 0
    start, content = pieces[-1]
    return start + len(content)


def lay_over(pieces: tuple[Piece, ...], new: Piece, *, at_end: bool) -> tuple[Piece, ...]:
    """The pieces with a new one over them; what it covers is replaced, what it touches is joined.

    `at_end` says that the file ended with the new piece, so that older bytes after it are gone.
    """
    start, content = new
    stop = start + len(content)
    parts: list[Piece] = [new]
    for old_start, old in pieces:
        parts.append((old_start, old[: max(0, start - old_start)]))
        if not at_end:
            after = max(stop, old_start)
            parts.append((after, old[after - old_start :]))
    joined: list[Piece] = []
    for at, part in sorted(one for one in parts if one[1]):
        if joined and end_of((joined[-1],)) == at:
            joined[-1] = (joined[-1][0], joined[-1][1] + part)
        else:
            joined.append((at, part))
    return tuple(joined) or ((start, b""),)


def plain_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Request headers as they are compared and kept: lower-case names, no secrets."""
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    return {name: value for name, value in sorted(lowered.items()) if name not in SECRET_HEADERS}
