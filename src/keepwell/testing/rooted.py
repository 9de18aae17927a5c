"""A node whose files lie below a folder, and whose programs are functions: real files, without a machine to break."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from keepwell.core.entry import Entry
from keepwell.core.errors import AccessError, NotThere
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran, Reply, Space, Stat
from keepwell.transport.local import LocalTransport

#: From an argument list (the program's own name first) and the node's folder to what it gives.
Program = Callable[[Sequence[str], Path], Ran]


class RootedNode:
    """`ExactHands` over the files below `root`: `/etc/x` is `root/etc/x`.

    `programs` answer by their name; `ran` are the
    argument lists so far. `pages` answer GET by address. Owners are kept as far as this user may.
    """

    def __init__(self, root: Path, *, name: str = "made", programs: Mapping[str, Program] | None = None) -> None:
        self.name = name
        self.python = ""
        self.root = root
        self.programs = dict(programs or {})
        self.pages: dict[str, Reply] = {}
        self.ran: list[tuple[str, ...]] = []
        self._files = LocalTransport(name)

    def at(self, path: str) -> str:
        """Where a path of the node really lies."""
        return str(self.root / path.lstrip("/"))

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """What the program of that name says; NotThere where there is none."""
        self.ran.append(tuple(argv))
        program = self.programs.get(argv[0])
        if program is None:
            raise NotThere("no such program", where=self.name, command=" ".join(argv))
        return program(argv, self.root)

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """As the local machine."""
        return await self._files.read(self.at(path), offset=offset, max_bytes=max_bytes)

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """As the local machine."""
        return await self._files.stat(self.at(path), follow=follow)

    async def list(self, path: str) -> tuple[str, ...]:
        """As the local machine."""
        return await self._files.list(self.at(path))

    async def link(self, path: str) -> str:
        """As the local machine."""
        return await self._files.link(self.at(path))

    async def space(self, path: str) -> Space:
        """As the local machine."""
        return await self._files.space(self.at(path))

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
        """The page of that address; AccessError where there is none."""
        if url not in self.pages:
            raise AccessError("connection refused", where=url)
        return self.pages[url]

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Nothing listens."""
        raise AccessError("connection refused", where=f"{host}:{port}")

    async def close(self) -> None:
        """Let go of threads."""
        await self._files.close()

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """As the local machine."""
        await self._files.write(self.at(path), content, mode=mode)

    async def set_mode(self, path: str, mode: int) -> None:
        """As the local machine."""
        await self._files.set_mode(self.at(path), mode)

    async def set_owner(self, path: str, uid: int, gid: int) -> None:
        """As the local machine."""
        await self._files.set_owner(self.at(path), uid, gid)

    async def remove(self, path: str) -> None:
        """As the local machine."""
        await self._files.remove(self.at(path))

    async def entry(self, path: str, *, max_bytes: int = 16 * 1024 * 1024) -> Entry:
        """As the local machine."""
        return await self._files.entry(self.at(path), max_bytes=max_bytes)

    async def put(self, path: str, entry: Entry) -> None:
        """As the local machine."""
        await self._files.put(self.at(path), entry)

    async def rename(self, path: str, target: str) -> None:
        """As the local machine."""
        await self._files.rename(self.at(path), self.at(target))
