"""Transport: how bytes and commands reach one node. The only seam between keepwell and a machine.

`Transport` reads; `Hands` also changes, and only steps get one. Every call has a limit on time and size.
Failures are `AccessError`s (NotThere, NotPermitted, TimedOut, Unreachable, TooLarge), never None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.entry import Entry
from keepwell.core.errors import NotPermitted

#: Seconds for one command, read or request unless the caller says otherwise: a person waits for the answer.
CALL_SECONDS = 5.0
#: Bytes of output, file or body kept unless the caller says otherwise; /proc and API answers are far smaller.
CALL_BYTES = 4 * 1024 * 1024

#: How a digest is made: SHA-256 of the bytes, or SHA-1 as git makes it of a file.
DigestForm: TypeAlias = Literal["sha256", "git-sha1"]
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
class ExactHands(Hands, Protocol):
    """Hands that can put back what was there so that nobody can tell: content, owner, mode, times, attributes."""

    async def entry(self, path: str, *, max_bytes: int = 16 * 1024 * 1024) -> Entry:
        """What lies at a path, wholly: nothing, too. `content` is None for a file of more than `max_bytes`."""
        ...

    async def put(self, path: str, entry: Entry) -> None:
        """Let this lie at a path, atomically; refuses to replace a folder, or what is not empty."""
        ...

    async def rename(self, path: str, target: str) -> None:
        """Give it another name on the same file system; refuses one that is taken."""
        ...


@runtime_checkable
class CallsApi(Hands, Protocol):
    """Hands that change a node by the interface over which it is managed."""

    async def settings(self, path: str) -> Mapping[str, str]:
        """The settings of a resource by name, those that wait for its next start instead of those that hold now."""
        ...

    async def set_settings(self, path: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Give settings other values, "" takes one away. RefusedError where they are not `before`, also where somebody
        changes any setting of it meanwhile.
        """
        ...

    async def order(self, path: str, *, timeout_seconds: float) -> str:
        """Have something done and wait for its end; what came of it. AccessError where it failed."""
        ...


@runtime_checkable
class Digests(Protocol):
    """A transport that can tell the digest of a file of any size, without carrying its bytes anywhere. `cores` is how
    many the node has.
    """

    cores: int

    async def digest(self, path: str, form: DigestForm, *, timeout_seconds: float, tell: Callable[[int], None]) -> str:
        """In small hex digits. `tell` hears how many bytes each piece had, in another thread. Several calls go at
        once, on as many cores as there are.
        """
        ...


@runtime_checkable
class CopiesFiles(Digests, Protocol):
    """Hands that copy files of any size from one place of their node to another."""

    async def copy(
        self, path: str, target: str, *, bytes_per_second: float, timeout_seconds: float, tell: Callable[[int], None]
    ) -> str:
        """Copy a file durably with all that it is, and give the SHA-256 of its bytes, which were read again from where
        they were written to. `target` is replaced, at once and only by the whole copy; `bytes_per_second` 0 is as fast
        as it goes. `tell` hears how many bytes each piece had, as of `digest`.
        """
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
