"""Files below a root folder of a node, links resolved inside it: what a program sees that has this root.

Two ways: a transport that can hold what it opens (`SeesRoots`) is asked to; over any other the path is walked
here, part by part, with a look before each step.
"""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from keepwell.core.errors import AccessError, NotThere
from keepwell.transport.base import CALL_BYTES, Space, Stat, Transport

#: Links in one path; the kernel's own limit (path_resolution(7)).
LINKS_MAX = 40
#: Steps of one walk, links unfolded; each is a call to the node.
STEPS_MAX = 500

T = TypeVar("T")


class FilesInside(Protocol):
    """The reading calls of a transport, below one root."""

    async def read(self, path: str, *, offset: int, max_bytes: int) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file."""
        ...

    async def stat(self, path: str, *, follow: bool) -> Stat:
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


@runtime_checkable
class SeesRoots(Protocol):
    """A transport that reads below another root by itself, so that nothing in there can lead out meanwhile."""

    def below(self, root: str) -> FilesInside:
        """The files below a folder."""
        ...


def files_below(host: Transport, root: str) -> FilesInside:
    """The files below a folder of a node, in the safest way that its transport has."""
    if isinstance(host, SeesRoots):
        return host.below(root)
    return WalkedFiles(host, root)


class WalkedFiles:
    """Files below a root through any transport. Costs a call for each folder of a path that was not met before.

    Who may change the tree could swap a folder for a link between two calls, and have a file of the node read in
    place of its own; so the whole path is walked again after each read, and what then lies elsewhere is not told.
    """

    def __init__(self, host: Transport, root: str) -> None:
        self._host = host
        self._root = root.rstrip("/")
        self._folders: dict[str, Sequence[str]] = {}

    async def read(self, path: str, *, offset: int, max_bytes: int) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file."""
        place, _ = await self._find(path, True)
        content = await self._told(self._host.read(place, offset=offset, max_bytes=max_bytes), path)
        await self._same(path, place)
        return content

    async def stat(self, path: str, *, follow: bool) -> Stat:
        """What lies at a path."""
        _, found = await self._find(path, follow)
        return found

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        place, _ = await self._find(path, True)
        names = await self._told(self._host.list(place), path)
        await self._same(path, place)
        return names

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        place, _ = await self._find(path, False)
        return await self._told(self._host.link(place), path)

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path."""
        place, _ = await self._find(path, True)
        return await self._told(self._host.space(place), path)

    async def _find(self, path: str, follow: bool) -> tuple[str, Stat]:
        """The path on the node and what lies there; a folder that was met before is not walked again."""
        folder, _, name = path.rstrip("/").rpartition("/")
        parts = _parts(path)
        if not parts or parts[-1] != name or name == "..":
            return await self._walk(path, parts, [], follow)
        if folder not in self._folders:
            self._folders[folder] = await self._resolve(path, parts[:-1])
        return await self._walk(path, [name], self._folders[folder], follow)

    async def _resolve(self, path: str, parts: Sequence[str]) -> Sequence[str]:
        """The parts of a folder without links."""
        place, _ = await self._walk(path, parts, [], True)
        return _parts(place.removeprefix(self._root))

    async def _walk(self, path: str, parts: Sequence[str], start: Sequence[str], follow: bool) -> tuple[str, Stat]:
        """The path on the node, without a link in it below the root, and what lies there."""
        done, waiting = list(start), list(parts)[::-1]
        found: Stat | None = None
        links = 0
        for _ in range(STEPS_MAX):
            if not waiting:
                here = "/".join([self._root, *done]) or "/"
                if found is None:
                    found = await self._told(self._host.stat(here, follow=False), path)
                return here, found
            part = waiting.pop()
            found = None
            if part == "..":
                done = done[:-1]
                continue
            here = "/".join([self._root, *done, part])
            found = await self._told(self._host.stat(here, follow=False), path)
            if found.kind != "link" or not (waiting or follow):
                done.append(part)
                continue
            links += 1
            if links > LINKS_MAX:
                break
            target = await self._told(self._host.link(here), path)
            if target.startswith("/"):
                done = []
            waiting += _parts(target)[::-1]
        raise AccessError("too many symbolic links, or too long a path", where=path)

    async def _same(self, path: str, place: str) -> None:
        again, _ = await self._walk(path, _parts(path), [], True)
        if again != place:
            raise AccessError("the path leads elsewhere than a moment ago", where=path)

    async def _told(self, call: Awaitable[T], path: str) -> T:
        """What a call gives; its errors name the path inside."""
        try:
            return await call
        except AccessError as error:
            raise type(error)(error.what, where=path, hint=error.hint) from error


class RootedTransport:
    """A node's transport whose files are those below a root, for whoever looks at the files of a process that has
    one. Programs, requests and connections are the node's own.
    """

    def __init__(self, host: Transport, root: str) -> None:
        self.name = host.name
        self.python = host.python
        self.run = host.run
        self.http = host.http
        self.connect = host.connect
        self._files = files_below(host, root)

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file below the root."""
        return await self._files.read(path, offset=offset, max_bytes=max_bytes)

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """What lies at a path below the root."""
        return await self._files.stat(path, follow=follow)

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder below the root, sorted."""
        return await self._files.list(path)

    async def link(self, path: str) -> str:
        """Where a symbolic link below the root points, as written."""
        return await self._files.link(path)

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path below the root."""
        return await self._files.space(path)

    async def close(self) -> None:
        """Nothing of its own to let go of."""


def _parts(path: str) -> list[str]:
    if "\0" in path:
        raise NotThere("not a usable path (embedded null byte)", where=repr(path))
    return [part for part in posixpath.join("/", path).split("/") if part not in ("", ".")]
