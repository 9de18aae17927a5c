"""Files below a root folder of a node, links resolved inside it: what a program sees that has this root.

Two ways: a transport that can hold what it opens (`SeesRoots`) is asked to; over any other the path is walked
here, part by part, with a look before each step.
"""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable
from typing import Protocol, TypeVar, runtime_checkable

from keepwell.core.errors import AccessError, NotThere
from keepwell.transport.base import Space, Stat, Transport

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
    """Files below a root through any transport, a few calls a path.

    Who may change the tree could swap a folder for a link between two calls, and have a file of the node read in
    place of its own; so the path is walked again after each read, and what then lies elsewhere is not told.
    """

    def __init__(self, host: Transport, root: str) -> None:
        self._host = host
        self._root = root.rstrip("/")

    async def read(self, path: str, *, offset: int, max_bytes: int) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file."""
        place = await self._walk(path, True)
        content = await self._told(self._host.read(place, offset=offset, max_bytes=max_bytes), path)
        await self._same(path, place)
        return content

    async def stat(self, path: str, *, follow: bool) -> Stat:
        """What lies at a path."""
        return await self._told(self._host.stat(await self._walk(path, follow), follow=False), path)

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        place = await self._walk(path, True)
        names = await self._told(self._host.list(place), path)
        await self._same(path, place)
        return names

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        return await self._told(self._host.link(await self._walk(path, False)), path)

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path."""
        return await self._told(self._host.space(await self._walk(path, True)), path)

    async def _walk(self, path: str, follow: bool) -> str:
        """The path on the node, without a link in it below the root."""
        done: list[str] = []
        waiting = _parts(path)[::-1]
        links = 0
        for _ in range(STEPS_MAX):
            if not waiting:
                return "/".join([self._root, *done]) or "/"
            part = waiting.pop()
            if part == "..":
                done = done[:-1]
                continue
            here = "/".join([self._root, *done, part])
            kind = (await self._told(self._host.stat(here, follow=False), path)).kind
            if kind != "link" or not (waiting or follow):
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
        if await self._walk(path, True) != place:
            raise AccessError("the path leads elsewhere than a moment ago", where=path)

    async def _told(self, call: Awaitable[T], path: str) -> T:
        """What a call gives; its errors name the path inside."""
        try:
            return await call
        except AccessError as error:
            raise type(error)(error.what, where=path, hint=error.hint) from error


def _parts(path: str) -> list[str]:
    if "\0" in path:
        raise NotThere("not a usable path (embedded null byte)", where=repr(path))
    return [part for part in posixpath.join("/", path).split("/") if part not in ("", ".")]
