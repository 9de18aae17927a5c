"""LocalTransport: this machine, through its own kernel. Reads and changes."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Event
from typing import TypeVar

from keepwell.core.entry import Entry
from keepwell.transport import files
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, DigestForm, Ran, Reply, Space, Stat, Streamed
from keepwell.transport.digests import copy_file, digest_file
from keepwell.transport.entries import ENTRY_BYTES, find_entry, put_entry, rename_entry
from keepwell.transport.pinned import PinnedFiles
from keepwell.transport.processes import run_process
from keepwell.transport.streaming import stream_once
from keepwell.transport.threads import Threads
from keepwell.transport.web import Web, connect_once

#: Seconds for a durable write: flushing to a busy spinning disk takes seconds, and giving up midway helps nobody.
WRITE_SECONDS = 60.0

T = TypeVar("T")


class LocalTransport:
    """`Hands` on the machine that keepwell runs on. `name` is the host's own name unless given.

    Belongs to one event loop at a time; `close` lets go of it.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name or local_name()
        self.python = sys.executable
        self._threads = Threads()
        self.cores = os.cpu_count() or 1
        self._hashing = Threads(self.cores)
        self._web = Web()

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """Run an argument list with LC_ALL=C; the whole process group ends at a limit or a cancel."""
        return await run_process(argv, stdin=stdin, timeout_seconds=timeout_seconds, max_bytes=max_bytes)

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file (/proc and /sys are such); never waits on a pipe."""
        return await self._file(partial(files.read_file, path, offset, max_bytes), path)

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """What lies at a path."""
        return await self._file(partial(files.stat_file, path, follow), path)

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        return await self._file(partial(files.list_folder, path), path)

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        return await self._file(partial(files.read_link, path), path)

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path."""
        return await self._file(partial(files.measure_space, path), path)

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
        """One request past any proxy variable, redirects not followed."""
        return await self._web.request(
            method, url, headers=headers or {}, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )

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
        """One request with the time at which each part of its answer arrived."""
        return await stream_once(
            method, url, headers=headers or {}, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Open a TCP connection and close it."""
        await connect_once(host, port, timeout_seconds=timeout_seconds)

    def below(self, root: str) -> PinnedFiles:
        """The files below a folder, as a program sees them that has it as its root (a container's, say)."""
        return PinnedFiles(root, self._threads)

    async def close(self) -> None:
        """Let go of connections and threads; safe to call twice."""
        self._threads.close()
        self._hashing.close()
        await self._web.close()

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace a file atomically and durably, keeping its owner, mode and attributes."""
        await self._file(partial(files.write_file, path, content, mode), path, WRITE_SECONDS)

    async def set_mode(self, path: str, mode: int) -> None:
        """Change permission bits; refuses a link."""
        await self._file(partial(files.set_file_mode, path, mode), path)

    async def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; does not follow links."""
        await self._file(partial(files.set_file_owner, path, uid, gid), path)

    async def remove(self, path: str) -> None:
        """Remove one file or link."""
        await self._file(partial(files.remove_file, path), path, WRITE_SECONDS)

    async def entry(self, path: str, *, max_bytes: int = ENTRY_BYTES) -> Entry:
        """What lies at a path, wholly."""
        return await self._file(partial(find_entry, path, max_bytes), path)

    async def put(self, path: str, entry: Entry) -> None:
        """Let this lie at a path."""
        await self._file(partial(put_entry, path, entry), path, WRITE_SECONDS)

    async def rename(self, path: str, target: str) -> None:
        """Give it another name on the same file system."""
        await self._file(partial(rename_entry, path, target), path, WRITE_SECONDS)

    async def digest(self, path: str, form: DigestForm, *, timeout_seconds: float, tell: Callable[[int], None]) -> str:
        """The digest of a file, in threads of their own: one for each core."""
        stop = Event()
        work = partial(digest_file, path, form, stop, tell)
        try:
            return await self._hashing.call(work, timeout_seconds=timeout_seconds, where=path)
        finally:
            stop.set()

    async def copy(
        self, path: str, target: str, *, bytes_per_second: float, timeout_seconds: float, tell: Callable[[int], None]
    ) -> str:
        """Copy a file durably; the digest of its bytes."""
        stop = Event()
        work = partial(copy_file, path, target, bytes_per_second, stop, tell)
        try:
            return await self._hashing.call(work, timeout_seconds=timeout_seconds, where=path)
        finally:
            stop.set()

    async def _file(self, work: Callable[[], T], path: str, timeout_seconds: float = CALL_SECONDS) -> T:
        return await self._threads.call(work, timeout_seconds=timeout_seconds, where=path)


def local_name() -> str:
    """The name of this machine as its kernel knows it, without the domain; "localhost" when it has none."""
    return socket.gethostname().partition(".")[0].replace("/", "-") or "localhost"
