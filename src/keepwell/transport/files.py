"""Blocking file calls of the local node: look without ever waiting on a pipe or a device, write durably.

Every function raises an AccessError with the path in it, never a bare OSError.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from keepwell.core.errors import AccessError, NotPermitted, NotThere, TooLarge
from keepwell.transport.base import FileKind, Space, Stat
from keepwell.transport.failures import access_error

#: Names read from one folder; /proc of a large machine has some ten thousand.
LIST_NAMES = 200_000
#: Extended attributes of one file that a replacement takes over (SELinux label, ACL, a few of the user).
ATTRIBUTES = 64
#: Size of a block in `st_blocks`, whatever the file system says (POSIX leaves it open; Linux and macOS use 512).
STAT_BLOCK_BYTES = 512

_KINDS: tuple[tuple[int, FileKind], ...] = (
    (stat.S_IFREG, "file"),
    (stat.S_IFDIR, "directory"),
    (stat.S_IFLNK, "link"),
    (stat.S_IFSOCK, "socket"),
    (stat.S_IFIFO, "pipe"),
    (stat.S_IFCHR, "character"),
    (stat.S_IFBLK, "block"),
)


def read_file(path: str, offset: int, max_bytes: int, told: str = "") -> bytes:
    """Up to `max_bytes` from `offset`; AccessError for anything but a regular file (so also /proc and /sys).

    Looks before it opens: opening a device can wake or rewind it. O_NONBLOCK covers the moment between. `told` is
    the path that errors name, if not `path` itself.
    """
    name = told or path
    with _told(name):
        _require_regular(name, os.stat(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            _require_regular(name, os.fstat(descriptor))
            return _read_all(descriptor, offset, max_bytes)
        finally:
            os.close(descriptor)


def stat_file(path: str, follow: bool) -> Stat:
    """What lies at a path."""
    with _told(path):
        found = os.stat(path, follow_symlinks=follow)
    device = ""
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        device = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return Stat(
        kind=_kind(found.st_mode),
        size_bytes=found.st_size,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        modified_at=found.st_mtime,
        inode=found.st_ino,
        allocated_bytes=found.st_blocks * STAT_BLOCK_BYTES,
        device=device,
    )


def list_folder(path: str) -> tuple[str, ...]:
    """Names in a folder, sorted; TooLarge beyond LIST_NAMES."""
    with _told(path), os.scandir(path) as entries:
        names = sorted(entry.name for entry in islice(entries, LIST_NAMES + 1))
    if len(names) > LIST_NAMES:
        raise TooLarge(f"the folder holds more than {LIST_NAMES} names", where=path)
    return tuple(names)


def read_link(path: str) -> str:
    """Where a symbolic link points, as written."""
    with _told(path):
        return os.readlink(path)


def measure_space(path: str) -> Space:
    """Room on the file system that holds a path; free is what a user without privileges may still take."""
    with _told(path):
        found = os.statvfs(path)
    return Space(
        total_bytes=found.f_blocks * found.f_frsize,
        free_bytes=found.f_bavail * found.f_frsize,
        inodes=found.f_files,
        inodes_free=found.f_favail,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )


def write_file(path: str, content: bytes, mode: int) -> None:
    """Replace a file's bytes so that a crash leaves the old or the new, never a part.

    Owner, mode and extended attributes of an old file are kept, `mode` is for a new one. A symbolic link
    stays and what it points to is replaced. The folder must be there.
    """
    with _told(path):
        real = os.path.realpath(path)
        old = _find_regular(real)
        beside = f"{os.path.dirname(real)}/.{os.path.basename(real)[:200]}.{secrets.token_hex(8)}.keepwell"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                _fill(descriptor, content)
                _dress(descriptor, real, old, mode)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(beside, real)
        except OSError:
            os.unlink(beside)
            raise
        _sync_folder(os.path.dirname(real))


def set_file_mode(path: str, mode: int) -> None:
    """Change permission bits; a symbolic link is refused, also one that is put there meanwhile."""
    with _told(path):
        pin = getattr(os, "O_PATH", 0)
        if not pin:
            os.chmod(path, mode, follow_symlinks=False)
            return
        descriptor = os.open(path, pin | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if stat.S_ISLNK(os.fstat(descriptor).st_mode):
                raise NotPermitted("a symbolic link has no mode of its own", where=path)
            os.chmod(f"/proc/self/fd/{descriptor}", mode)
        finally:
            os.close(descriptor)


def set_file_owner(path: str, uid: int, gid: int) -> None:
    """Change owner and group of a path itself, never of what a link points to."""
    with _told(path):
        os.chown(path, uid, gid, follow_symlinks=False)


def remove_file(path: str) -> None:
    """Remove one file or link, durably."""
    with _told(path):
        os.unlink(path)
        _sync_folder(os.path.dirname(path) or ".")


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise access_error(error, where=path) from error
    except ValueError as error:
        raise NotThere(f"not a usable path ({error})", where=repr(path)) from error


def _kind(mode: int) -> FileKind:
    return dict(_KINDS).get(stat.S_IFMT(mode), "file")


def _require_regular(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise AccessError(f"a {_kind(found.st_mode)}, not a regular file", where=path)


def _read_all(descriptor: int, offset: int, max_bytes: int) -> bytes:
    if offset:
        os.lseek(descriptor, offset, os.SEEK_SET)
    parts: list[bytes] = []
    left = max_bytes
    while left > 0:
        part = os.read(descriptor, min(left, 1 << 20))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _find_regular(path: str) -> os.stat_result | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    _require_regular(path, found)
    return found


def _fill(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _dress(descriptor: int, old_path: str, old: os.stat_result | None, mode: int) -> None:
    """Give the new file what the old one had. Owner first: changing it clears set-id bits."""
    if old is None:
        os.fchmod(descriptor, mode)
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    _copy_attributes(descriptor, old_path)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _copy_attributes(descriptor: int, old_path: str) -> None:
    """Extended attributes as far as this user and file system can; without them the file is still right."""
    if not hasattr(os, "listxattr"):
        return
    try:
        for name in os.listxattr(old_path)[:ATTRIBUTES]:
            os.setxattr(descriptor, name, os.getxattr(old_path, name))
    except OSError:
        return


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
