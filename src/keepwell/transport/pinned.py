"""A path below a root folder, held so that nothing in it can lead out: each part is opened by itself, links are
followed by hand, and an absolute link or ".." ends at that root. What has been opened cannot be swapped any more.

The kernel would follow an absolute link from keepwell's own root: a container could have it read the node's files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from keepwell.core.errors import NotThere
from keepwell.transport import files
from keepwell.transport.base import CALL_SECONDS, Space, Stat
from keepwell.transport.failures import access_error
from keepwell.transport.threads import Threads

#: Links in one path; the kernel's own limit (path_resolution(7)).
LINKS_MAX = 40
#: Folders held open at once on the way, and steps in all: far beyond any real path, and short of what would use up
#: the descriptors of this process for a path that somebody made long on purpose.
DEPTH_MAX = 200
STEPS_MAX = 2000


class PinnedFiles:
    """Files below a folder of this machine, as a program sees them that has this folder as its root."""

    def __init__(self, root: str, threads: Threads) -> None:
        self._root = root
        self._threads = threads

    async def read(self, path: str, *, offset: int, max_bytes: int) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file."""
        return await self._threads.call(
            partial(_read, self._root, path, offset, max_bytes), timeout_seconds=CALL_SECONDS, where=path
        )

    async def stat(self, path: str, *, follow: bool) -> Stat:
        """What lies at a path."""
        return await self._threads.call(
            partial(_stat, self._root, path, follow), timeout_seconds=CALL_SECONDS, where=path
        )

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        return await self._threads.call(partial(_list, self._root, path), timeout_seconds=CALL_SECONDS, where=path)

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        return await self._threads.call(partial(_link, self._root, path), timeout_seconds=CALL_SECONDS, where=path)

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path."""
        return await self._threads.call(partial(_space, self._root, path), timeout_seconds=CALL_SECONDS, where=path)


@contextmanager
def pin(root: str, path: str, follow: bool = True) -> Iterator[int]:
    """A descriptor (O_PATH) of what lies at `path` below `root`. Raises AccessErrors that name `path`."""
    try:
        descriptor = _walk(root, path, follow)
    except OSError as error:
        raise access_error(error, where=path) from error
    except ValueError as error:
        raise NotThere(f"not a usable path ({error})", where=repr(path)) from error
    try:
        yield descriptor
    except OSError as error:
        raise access_error(error, where=path) from error
    finally:
        os.close(descriptor)


def _walk(root: str, path: str, follow: bool) -> int:
    """The descriptor of a path. `above` holds the folders on the way, so that ".." needs no look-up."""
    above = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    waiting = _parts(path)[::-1]
    links = steps = 0
    try:
        while waiting:
            part = waiting.pop()
            steps += 1
            if steps > STEPS_MAX or len(above) > DEPTH_MAX:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            if part == "..":
                _drop(above, 1)
                continue
            found = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above[-1])
            above.append(found)
            if stat.S_ISLNK(os.fstat(found).st_mode) and (waiting or follow):
                links += 1
                if links > LINKS_MAX:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                target = os.readlink("", dir_fd=found)
                _drop(above, 1)
                if target.startswith("/"):
                    _drop(above, len(above) - 1)
                waiting += _parts(target)[::-1]
        return os.dup(above[-1])
    finally:
        for one in above:
            os.close(one)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _drop(above: list[int], count: int) -> None:
    """Let go of the last folders on the way; the root itself stays."""
    for _ in range(min(count, len(above) - 1)):
        os.close(above.pop())


def _real(descriptor: int) -> str:
    """A name through which the kernel reaches just what is held, whatever has become of its path."""
    return f"/proc/self/fd/{descriptor}"


def _read(root: str, path: str, offset: int, max_bytes: int) -> bytes:
    with pin(root, path) as held:
        return files.read_file(_real(held), offset, max_bytes, told=path)


def _stat(root: str, path: str, follow: bool) -> Stat:
    with pin(root, path, follow) as held:
        return files.stat_file(_real(held), True)


def _list(root: str, path: str) -> tuple[str, ...]:
    with pin(root, path) as held:
        if not stat.S_ISDIR(os.fstat(held).st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return files.list_folder(_real(held))


def _link(root: str, path: str) -> str:
    with pin(root, path, follow=False) as held:
        if not stat.S_ISLNK(os.fstat(held).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return os.readlink("", dir_fd=held)


def _space(root: str, path: str) -> Space:
    with pin(root, path) as held:
        return files.measure_space(_real(held))
