"""Recording: any transport, and a tape of all that went through it, so that a real machine becomes a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keepwell.core.errors import AccessError, NotPermitted, NotThere
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran, Reply, Space, Stat, Transport
from keepwell.transport.recorded.tape import Exchange, Refusal, Tape, TapeFile, lay_over, plain_headers, refusal_of

#: A link of which nothing but its being one is known.
NEW_LINK = TapeFile(kind="link", mode=0o777)


class Recording:
    """A `Transport` that passes every call on and keeps what came of it; the newest answer to a call counts.

    The tape holds everything in clear but the request headers that carry secrets.
    """

    def __init__(self, inner: Transport) -> None:
        self.name = inner.name
        self.python = inner.python
        self._inner = inner
        self._links: dict[str, TapeFile] = {}
        self._files: dict[str, TapeFile] = {}
        self._commands: dict[tuple[str, ...], Ran | Refusal] = {}
        self._exchanges: dict[tuple[object, ...], Exchange] = {}
        self._spaces: dict[str, Space | Refusal] = {}
        self._connections: dict[tuple[str, int], Refusal | None] = {}

    def tape(self, recorded_at: float) -> Tape:
        """All that was seen until now; `recorded_at` is seconds since the epoch."""
        files = dict(self._files)
        for path, link in self._links.items():
            files[path] = replace(link, leads_to=self._files.get(path))
        return Tape(
            name=self.name,
            python=self.python,
            recorded_at=recorded_at,
            files=files,
            commands=dict(self._commands),
            exchanges=tuple(self._exchanges.values()),
            spaces=dict(self._spaces),
            connections=dict(self._connections),
        )

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """As the inner transport, kept by its argument list."""
        try:
            ran = await self._inner.run(argv, stdin=stdin, timeout_seconds=timeout_seconds, max_bytes=max_bytes)
        except AccessError as error:
            self._commands[tuple(argv)] = refusal_of(error)
            raise
        self._commands[tuple(argv)] = ran
        return ran

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """As the inner transport; stretches of one file are put together."""
        try:
            got = await self._inner.read(path, offset=offset, max_bytes=max_bytes)
        except AccessError as error:
            self._unreadable(path, error)
            raise
        old = self._files.get(path, TapeFile())
        pieces = lay_over(old.pieces, (offset, got), at_end=len(got) < max_bytes)
        self._files[path] = replace(old, pieces=pieces, unreadable=None, refused=None)
        return got

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """As the inner transport; a link and what it leads to are kept apart."""
        try:
            found = await self._inner.stat(path, follow=follow)
        except AccessError as error:
            self._files[path] = TapeFile(refused=refusal_of(error))
            raise
        kept = self._files
        if found.kind == "link":
            kept = self._links
        kept[path] = _with_stat(kept.get(path, TapeFile()), found)
        return found

    async def list(self, path: str) -> tuple[str, ...]:
        """As the inner transport."""
        try:
            names = await self._inner.list(path)
        except AccessError as error:
            self._unreadable(path, error)
            raise
        old = self._files.get(path, TapeFile(mode=0o755))
        self._files[path] = replace(old, kind="directory", names=names, unreadable=None, refused=None)
        return names

    async def link(self, path: str) -> str:
        """As the inner transport."""
        try:
            target = await self._inner.link(path)
        except NotPermitted as error:
            old = self._links.get(path, NEW_LINK)
            self._links[path] = replace(old, unreadable=refusal_of(error))
            raise
        except NotThere as error:
            self._unreadable(path, error)
            raise
        old = self._links.get(path, NEW_LINK)
        self._links[path] = replace(old, target=target, unreadable=None, refused=None)
        return target

    async def space(self, path: str) -> Space:
        """As the inner transport."""
        try:
            room = await self._inner.space(path)
        except AccessError as error:
            self._spaces[path] = refusal_of(error)
            raise
        self._spaces[path] = room
        return room

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
        """As the inner transport, kept by method, URL, headers (without secrets) and body."""
        try:
            answer = await self._inner.http(
                method, url, headers=headers, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
            )
        except AccessError as error:
            self._exchange(method, url, headers, body, refusal_of(error))
            raise
        self._exchange(method, url, headers, body, answer)
        return answer

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """As the inner transport."""
        try:
            await self._inner.connect(host, port, timeout_seconds=timeout_seconds)
        except AccessError as error:
            self._connections[host, port] = refusal_of(error)
            raise
        self._connections[host, port] = None

    async def close(self) -> None:
        """Close the inner transport; the tape stays."""
        await self._inner.close()

    def _unreadable(self, path: str, error: AccessError) -> None:
        """What reading, listing or following met; a path that is not there is not there for any look."""
        old = self._files.get(path, TapeFile())
        if isinstance(error, NotThere):
            self._files[path] = replace(old, refused=refusal_of(error))
        else:
            self._files[path] = replace(old, unreadable=refusal_of(error))

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes, answer: Reply | Refusal
    ) -> None:
        asked = plain_headers(headers)
        one = Exchange(method=method, url=url, headers=asked, body=body, answer=answer)
        self._exchanges[method, url, tuple(asked.items()), body] = one


def _with_stat(old: TapeFile, found: Stat) -> TapeFile:
    return replace(
        old,
        kind=found.kind,
        mode=found.mode,
        uid=found.uid,
        gid=found.gid,
        modified_at=found.modified_at,
        size_bytes=found.size_bytes,
        inode=found.inode,
        allocated_bytes=found.allocated_bytes,
        device=found.device,
        refused=None,
    )
