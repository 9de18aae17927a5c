"""Files of a container through its engine alone, for a user who may use the engine's socket and nothing else.

Each call runs a small program that nearly every image has (coreutils or busybox); an image without any can still
have its regular files read, as archives.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from keepwell.core.errors import AccessError, NotPermitted, NotThere
from keepwell.core.text import escape_controls
from keepwell.transport.base import CALL_BYTES, FileKind, Ran, Space, Stat
from keepwell.transport.failures import shown_command
from keepwell.transport.files import STAT_BLOCK_BYTES

#: Bytes that an archive adds to the file in it: headers, padding, and the end.
ARCHIVE_SLACK_BYTES = 64 * 1024
#: What `stat -c` calls each kind of file; busybox and coreutils agree.
_KINDS: dict[str, FileKind] = {
    "regular file": "file",
    "regular empty file": "file",
    "directory": "directory",
    "symbolic link": "link",
    "socket": "socket",
    "fifo": "pipe",
    "character special file": "character",
    "block special file": "block",
}
_STAT = ("stat", "-c", "%F|%s|%a|%u|%g|%Y|%i|%b|%t|%T")
_SPACE = ("stat", "-f", "-c", "%b|%a|%S|%c|%d")
#: Words of these programs' complaints, and what each means.
_COMPLAINTS: tuple[tuple[str, type[AccessError]], ...] = (
    ("No such file or directory", NotThere),
    ("Not a directory", NotThere),
    ("Permission denied", NotPermitted),
)

Execute: TypeAlias = Callable[[Sequence[str], int], Awaitable[Ran]]
Archive: TypeAlias = Callable[[str, int], Awaitable[bytes]]


class ExecutedFiles:
    """Files below a container's root, by programs in it. Links stay inside by themselves: it is their root."""

    def __init__(self, execute: Execute, archive: Archive) -> None:
        self._execute = execute
        self._archive = archive

    async def read(self, path: str, *, offset: int, max_bytes: int) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file."""
        try:
            found = await self.stat(path, follow=True)
        except NotThere as error:
            if error.where:
                raise
            return await self._read_archive(path, offset, max_bytes)
        if found.kind != "file":
            raise AccessError(f"a {found.kind}, not a regular file", where=path)
        words = ("iflag=skip_bytes,count_bytes", "status=none", f"skip={offset}", f"count={max_bytes}")
        return (await self._run(("dd", f"if={path}", "bs=65536", *words), path, max_bytes + 1024)).stdout

    async def stat(self, path: str, *, follow: bool) -> Stat:
        """What lies at a path."""
        dereference = ("-L",) * follow
        ran = await self._run((*_STAT[:1], *dereference, *_STAT[1:], path), path)
        try:
            kind, *words, major, minor = ran.text.strip().split("|")
            size, mode, uid, gid, modified, inode, blocks = words
            device = ""
            if kind.endswith("special file"):
                device = f"{int(major, 16)}:{int(minor, 16)}"
            return Stat(
                kind=_KINDS.get(kind, "file"),
                size_bytes=int(size),
                mode=int(mode, 8),
                uid=int(uid),
                gid=int(gid),
                modified_at=float(modified),
                inode=int(inode),
                allocated_bytes=int(blocks) * STAT_BLOCK_BYTES,
                device=device,
            )
        except ValueError as error:
            raise AccessError("the answer of `stat` in the container cannot be read", where=path) from error

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted; a name with a line feed in it cannot be told from two names."""
        if (await self.stat(path, follow=True)).kind != "directory":
            raise NotThere("Not a directory (ENOTDIR)", where=path)
        return tuple(sorted((await self._run(("ls", "-1A", f"{path.rstrip('/')}/"), path)).text.splitlines()))

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        found = await self.stat(path, follow=False)
        if found.kind != "link":
            raise AccessError(f"a {found.kind}, not a link", where=path)
        return (await self._run(("readlink", path), path)).text.rstrip("\n")

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path. Whether it is read-only is told by the table of mounts."""
        ran = await self._run((*_SPACE, path), path)
        try:
            blocks, free, size, inodes, inodes_free = (int(word) for word in ran.text.strip().split("|"))
        except ValueError as error:
            raise AccessError("the answer of `stat -f` in the container cannot be read", where=path) from error
        return Space(
            total_bytes=blocks * size,
            free_bytes=free * size,
            inodes=inodes,
            inodes_free=inodes_free,
            read_only=await self._read_only(path),
        )

    async def _read_only(self, path: str) -> bool:
        """The mount that holds a path, in the container's own table of mounts; the longest that fits counts last."""
        rows = [line.split() for line in (await self._run(("cat", "/proc/self/mounts"), path)).text.splitlines()]
        fitting = [row for row in rows if len(row) > 3 and f"{path.rstrip('/')}/".startswith(f"{row[1].rstrip('/')}/")]
        longest = max(fitting, key=_depth, default=None)
        return longest is not None and "ro" in longest[3].split(",")

    async def _run(self, argv: Sequence[str], path: str, max_bytes: int = CALL_BYTES) -> Ran:
        if "\0" in path or not path.startswith("/"):
            raise NotThere("not a usable path", where=repr(path))
        ran = await self._execute(argv, max_bytes)
        if ran.code == 0:
            return ran
        said = escape_controls(ran.stderr[-300:].decode("utf-8", "replace").strip())
        kind = next((kind for words, kind in _COMPLAINTS if words in said), AccessError)
        raise kind(said or f"exit code {ran.code}", where=path, command=shown_command(argv))

    async def _read_archive(self, path: str, offset: int, max_bytes: int) -> bytes:
        """By the engine's own copying, which gives whole files."""
        content = await self._archive(path, offset + max_bytes + ARCHIVE_SLACK_BYTES)
        try:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
                first = archive.next()
                if first is None or not first.isreg():
                    raise AccessError("not a regular file", where=path)
                taken = archive.extractfile(first)
                assert taken is not None
                taken.seek(offset)
                return taken.read(max_bytes)
        except (tarfile.TarError, EOFError) as error:
            raise AccessError(f"the archive cannot be read ({error})", where=path) from error


def _depth(row: list[str]) -> int:
    return len(row[1])
