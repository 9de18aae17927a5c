"""Transport: how bytes and commands reach one node. The only seam between keepwell and a machine.

`Transport` reads; `Hands` also changes, and only steps get one. Every call has a limit on time and size.
Failures are `AccessError`s (NotThere, NotPermitted, TimedOut, Unreachable, TooLarge), never None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.errors import NotPermitted

#: Seconds for one command, read or request unless the caller says otherwise: a person waits for the answer.
CALL_SECONDS = 5.0
#: Bytes of output, file or body kept unless the caller says otherwise; /proc and API answers are far smaller.
CALL_BYTES = 4 * 1024 * 1024

FileKind: TypeAlias = Literal["file", "directory", "link", "socket", "pipe", "character", "block"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command gave: exit code (negative: killed by that signal), output as bytes, seconds."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """Standard output as text, broken UTF-8 replaced."""
        return self.stdout.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """What `stat` says of a path. Times are seconds since the epoch; `device` is "major:minor" of a device node."""

    kind: FileKind
    size_bytes: int
    mode: int
    uid: int
    gid: int
    modified_at: float
    inode: int = 0
    allocated_bytes: int = 0
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Room on the file system that holds a path."""

    total_bytes: int
    free_bytes: int
    inodes: int
    inodes_free: int
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer: status, lower-case header names, body, seconds to the whole body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a body as it arrived: seconds since the request was sent, and its bytes."""

    seconds: float
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """An HTTP answer with the time at which each part of its body arrived.

    `whole` is False where the connection broke or the time was up before the body ended; `problem` says why.
    `seconds` is the time to the end, `head_seconds` to the status line.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()
    whole: bool = True
    problem: str = ""
    head_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def body(self) -> bytes:
        """All parts together."""
        return b"".join(one.data for one in self.pieces)


@runtime_checkable
class Transport(Protocol):
    """Read-only access to one node. `name` is the node's label; `python` is an interpreter there that has
    keepwell (for probes that must run in a child process), or "" when there is none.
    """

    name: str
    python: str

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """Run an argument list (never a shell) and wait; any exit code is an answer. NotThere: no such program."""
        ...

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """Up to `max_bytes` from `offset`, fewer at the end. Regular files and /proc only: never blocks on a pipe."""
        ...

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """What lies at a path."""
        ...

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        ...

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        ...

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path."""
        ...

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Reply:
        """One request from the node's own network place, past any proxy variable; any status is an answer."""
        ...

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Open a TCP connection and close it; Unreachable or TimedOut otherwise."""
        ...

    async def close(self) -> None:
        """Let go of connections; safe to call twice."""
        ...


@runtime_checkable
class Hands(Transport, Protocol):
    """A transport that may also change the node. Only the plan machine holds one."""

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace a file atomically and durably; keeps owner and mode of the old one, `mode` for a new one."""
        ...

    async def set_mode(self, path: str, mode: int) -> None:
        """Change permission bits; does not follow links."""
        ...

    async def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; does not follow links."""
        ...

    async def remove(self, path: str) -> None:
        """Remove one file or link."""
        ...


@runtime_checkable
class StreamsBodies(Protocol):
    """A transport that can tell when each part of an answer arrived. Ask through `stream_body`."""

    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Streamed:
        """As `Transport.http`, with the times. A body that breaks off or takes too long is an answer too, once its
        head has come; before that it is Unreachable or TimedOut.
        """
        ...


async def stream_body(
    transport: Transport,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_seconds: float = CALL_SECONDS,
) -> Streamed:
    """One request with the times at which its answer arrived; NotPermitted where this transport cannot tell them."""
    if not isinstance(transport, StreamsBodies):
        raise NotPermitted("this connection cannot tell when the parts of an answer arrive", where=transport.name)
    return await transport.stream(method, url, headers=headers, body=body, timeout_seconds=timeout_seconds)
