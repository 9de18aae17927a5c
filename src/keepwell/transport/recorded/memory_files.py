"""A tree of files in memory, with links, owners and modes, as a tape describes it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from keepwell.core.errors import AccessError, NotPermitted, NotThere
from keepwell.transport.base import Stat
from keepwell.transport.recorded.tape import TapeFile, end_of

#: Links followed in one path before it counts as a loop, as Linux does.
LINKS = 40
#: Block size for the room that a file takes when the tape does not say.
BLOCK_BYTES = 4096

_FOLDER = TapeFile(kind="directory", mode=0o755)


class MemoryFiles:
    """Files by absolute path. Folders above a file exist of themselves."""

    def __init__(self, files: Mapping[str, TapeFile]) -> None:
        self._files: dict[str, TapeFile] = {}
        self._children: dict[str, set[str]] = {"/": set()}
        for path, file in files.items():
            self.put(path, file)

    def put(self, path: str, file: TapeFile | str | bytes) -> None:
        """Let this lie at a path, whatever lay there; text and bytes are a file's content, with its old owner."""
        path = posixpath.normpath(path)
        if isinstance(file, str):
            file = file.encode("utf-8")
        if isinstance(file, bytes):
            old = self._files.get(path, TapeFile())
            file = replace(old, pieces=((0, file),), size_bytes=-1, allocated_bytes=-1)
        self._files[path] = file
        if file.kind == "directory":
            self._children.setdefault(path, set())
        below = path
        while below != "/":
            above, name = posixpath.split(below)
            self._children.setdefault(above, set()).add(name)
            below = above

    def read(self, path: str, offset: int, max_bytes: int) -> bytes:
        """Up to `max_bytes` from `offset`; NotThere for a stretch that nobody recorded."""
        found = self._readable(path)
        if found.kind != "file":
            raise AccessError(f"a {found.kind}, not a regular file", where=path)
        got = found.read(offset, max_bytes)
        if got is None:
            raise NotThere(f"nothing was recorded from byte {offset}", where=path)
        return got

    def stat(self, path: str, *, follow: bool) -> Stat:
        """What lies at a path."""
        found = self._get(path, follow=follow)
        size = found.size_bytes
        if size < 0:
            size = end_of(found.pieces)
        allocated = found.allocated_bytes
        if allocated < 0:
            allocated = -(-size // BLOCK_BYTES) * BLOCK_BYTES
        return Stat(
            kind=found.kind,
            size_bytes=size,
            mode=found.mode,
            uid=found.uid,
            gid=found.gid,
            modified_at=found.modified_at,
            inode=found.inode,
            allocated_bytes=allocated,
            device=found.device,
        )

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        found = self._readable(path)
        if found.kind != "directory":
            raise NotThere("Not a directory (ENOTDIR)", where=path)
        real = self._resolve(path, follow=True)
        there = {name for name in self._children.get(real, set()) if self._exists(posixpath.join(real, name))}
        return tuple(sorted(there | set(found.names or ())))

    def target(self, path: str) -> str:
        """Where a link points."""
        found = self._get(path, follow=False)
        if found.unreadable is not None:
            raise found.unreadable.error()
        if found.kind != "link":
            raise AccessError("Invalid argument (EINVAL)", where=path)
        return found.target

    def write(self, path: str, content: bytes, mode: int) -> None:
        """Replace a file's bytes through links; the folder must exist."""
        real = self._resolve(path, follow=True)
        if posixpath.dirname(real) not in self._children:
            raise NotThere("No such file or directory (ENOENT)", where=path)
        old = self._files.get(real)
        if old is None or old.refused is not None:
            self.put(real, TapeFile(pieces=((0, content),), mode=mode))
            return
        if old.kind != "file":
            raise AccessError(f"a {old.kind}, not a regular file", where=path)
        self.put(real, content)

    def change(self, path: str, *, mode: int | None = None, uid: int | None = None, gid: int | None = None) -> None:
        """Change mode or owner of a path itself; a link has no mode."""
        found = self._get(path, follow=False)
        if found.kind == "link" and mode is not None:
            raise NotPermitted("a symbolic link has no mode of its own", where=path)
        changed = found
        if mode is not None:
            changed = replace(changed, mode=mode)
        if uid is not None:
            changed = replace(changed, uid=uid)
        if gid is not None:
            changed = replace(changed, gid=gid)
        self.put(self._resolve(path, follow=False), changed)

    def remove(self, path: str) -> None:
        """Remove a file or link."""
        found = self._get(path, follow=False)
        if found.kind == "directory":
            raise AccessError("Is a directory (EISDIR)", where=path)
        real = self._resolve(path, follow=False)
        del self._files[real]
        above, name = posixpath.split(real)
        self._children[above].discard(name)
        holder = self._files.get(above)
        if holder is not None and holder.names is not None:
            self._files[above] = replace(holder, names=tuple(one for one in holder.names if one != name))

    def _readable(self, path: str) -> TapeFile:
        found = self._get(path, follow=True)
        if found.unreadable is not None:
            raise found.unreadable.error()
        return found

    def _get(self, path: str, *, follow: bool) -> TapeFile:
        if "\0" in path:
            raise NotThere("not a usable path (embedded null byte)", where=repr(path))
        real = self._resolve(path, follow=follow)
        found = self._files.get(real)
        if found is None and real in self._children:
            return _FOLDER
        if found is not None and follow and found.kind == "link":
            if found.unreadable is not None:
                raise found.unreadable.error()
            found = found.leads_to
        if found is None:
            raise NotThere("No such file or directory (ENOENT)", where=path)
        if found.refused is not None:
            raise found.refused.error()
        return found

    def _exists(self, path: str) -> bool:
        found = self._files.get(path)
        return found is None or found.refused is None

    def _resolve(self, path: str, *, follow: bool) -> str:
        """The path without links; a link whose target the tape does not hold stays as it is."""
        rest = path.split("/")[::-1]
        done = "/"
        links = 0
        while rest:
            name = rest.pop()
            here = posixpath.normpath(posixpath.join(done, name))
            found = self._files.get(here)
            last = not any(rest)
            if found is None or found.kind != "link" or not found.target or (last and not follow):
                done = here
                continue
            if last and found.leads_to is not None:
                return here
            links += 1
            if links > LINKS:
                raise AccessError("Too many levels of symbolic links (ELOOP)", where=path)
            rest += found.target.split("/")[::-1]
            if found.target.startswith("/"):
                done = "/"
        return done
