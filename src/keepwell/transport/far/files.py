"""Calls of files at the far end. Sent there as text with far_end.py: standard library only, Python 3.7 or newer.

Each means what its namesake in files.py of the local machine means. Paths are bytes, as they are on disk.
"""

from __future__ import annotations

import os
import stat
from itertools import islice

from keepwell.transport.far.job import Job, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from keepwell.transport.far.job import Done

#: As in files.py.
LIST_NAMES = 200_000
ATTRIBUTES = 64
STAT_BLOCK_BYTES = 512
KINDS = (
    (stat.S_IFREG, "file"),
    (stat.S_IFDIR, "directory"),
    (stat.S_IFLNK, "link"),
    (stat.S_IFSOCK, "socket"),
    (stat.S_IFIFO, "pipe"),
    (stat.S_IFCHR, "character"),
    (stat.S_IFBLK, "block"),
)


def read(job: Job) -> Done:
    """A stretch of a regular file."""
    path, offset, left = job.path(), int(job.take("offset", int, 0)), job.limit()
    require_regular(os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    parts = []
    try:
        require_regular(os.fstat(descriptor))
        if offset:
            os.lseek(descriptor, offset, os.SEEK_SET)
        while left > 0:
            part = os.read(descriptor, min(left, 1 << 20))
            if not part:
                break
            parts.append(part)
            left -= len(part)
    finally:
        os.close(descriptor)
    return {}, b"".join(parts)


def stat_path(job: Job) -> Done:
    """What lies at a path."""
    found = os.stat(job.path(), follow_symlinks=job.take("follow", bool, True))
    device = ""
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        device = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return {
        "kind": kind_of(found.st_mode),
        "size_bytes": found.st_size,
        "mode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "modified_at": found.st_mtime,
        "inode": found.st_ino,
        "allocated_bytes": found.st_blocks * STAT_BLOCK_BYTES,
        "device": device,
    }, b""


def list_names(job: Job) -> Done:
    """Names in a folder, sorted, each ended by a zero byte: a name may hold any other."""
    with os.scandir(job.path()) as entries:
        names = sorted(entry.name for entry in islice(entries, LIST_NAMES + 1))
    if len(names) > LIST_NAMES:
        raise Refusal("TooLarge", f"the folder holds more than {LIST_NAMES} names")
    return {}, b"".join(name + b"\0" for name in names)


def link(job: Job) -> Done:
    """Where a link points."""
    return {}, os.readlink(job.path())


def space(job: Job) -> Done:
    """Room on the file system."""
    found = os.statvfs(job.path())
    return {
        "total_bytes": found.f_blocks * found.f_frsize,
        "free_bytes": found.f_bavail * found.f_frsize,
        "inodes": found.f_files,
        "inodes_free": found.f_favail,
        "read_only": bool(found.f_flag & os.ST_RDONLY),
    }, b""


def kind_of(mode: int) -> str:
    """The word for what a mode says."""
    return dict(KINDS).get(stat.S_IFMT(mode), "file")


def require_regular(found: os.stat_result) -> None:
    """Refusal for anything but a regular file."""
    if not stat.S_ISREG(found.st_mode):
        raise Refusal("AccessError", f"a {kind_of(found.st_mode)}, not a regular file")


def write(job: Job) -> Done:
    """Replace a file so that a crash leaves the old or the new; owner, mode and attributes of the old one stay."""
    real = os.path.realpath(job.path())
    folder, name = os.path.split(real)
    old = find_regular(real)
    beside = folder + b"/." + name[:200] + b"." + os.urandom(8).hex().encode("ascii") + b".keepwell"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            write_all(descriptor, job.payload)
            dress(descriptor, real, old, int(job.take("mode", int, 0o644)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(beside, real)
    except OSError:
        os.unlink(beside)
        raise
    sync_folder(folder)
    return {}, b""


def set_mode(job: Job) -> Done:
    """Change permission bits; a link is refused, also one that is put there meanwhile."""
    change_mode(job.path(), int(job.take("mode", int)))
    return {}, b""


def change_mode(path: bytes, mode: int) -> None:
    """Of the thing itself, never of what a link points to."""
    pin = getattr(os, "O_PATH", 0)
    if not pin:
        os.chmod(path, mode, follow_symlinks=False)
        return
    descriptor = os.open(path, pin | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            raise Refusal("NotPermitted", "a symbolic link has no mode of its own")
        os.chmod(f"/proc/self/fd/{descriptor}", mode)
    finally:
        os.close(descriptor)


def set_owner(job: Job) -> Done:
    """Change owner and group, never of what a link points to."""
    os.chown(job.path(), int(job.take("uid", int)), int(job.take("gid", int)), follow_symlinks=False)
    return {}, b""


def remove(job: Job) -> Done:
    """Remove one file or link, durably."""
    path = job.path()
    os.unlink(path)
    sync_folder(os.path.dirname(path) or b".")
    return {}, b""


def find_regular(path: bytes) -> os.stat_result | None:
    """What a file's replacement must look like; None when there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    require_regular(found)
    return found


def write_all(descriptor: int, content: bytes) -> None:
    """Every byte."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def dress(descriptor: int, real: bytes, old: os.stat_result | None, mode: int) -> None:
    """Give the new file what the old one had. Owner first: changing it clears set-id bits."""
    if old is None:
        os.fchmod(descriptor, mode)
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    try:
        for name in getattr(os, "listxattr", list_nothing)(real)[:ATTRIBUTES]:
            os.setxattr(descriptor, name, os.getxattr(real, name))
    except OSError:
        pass  # as far as this user and file system can; without them the file is still right
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def list_nothing(path: bytes) -> list[str]:
    """Attributes where the system has none."""
    return []


def sync_folder(path: bytes) -> None:
    """Make a change of names durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


READING = {"read": read, "stat": stat_path, "list": list_names, "link": link, "space": space}
CHANGING = {"write": write, "set_mode": set_mode, "set_owner": set_owner, "remove": remove}
