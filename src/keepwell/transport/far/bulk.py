"""Every byte of large files: digests and copies. Sent there as text with far_end.py: standard library only, Python 3.7
or newer. The local machine uses `digest_at` and `copy_at` too.

How far calls are is told by COUNTS, under the mark that the caller gave each.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from functools import partial

from keepwell.transport.far.entries import dress, read_attributes, write_attributes
from keepwell.transport.far.files import sync_folder, write_all
from keepwell.transport.far.job import Job, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from keepwell.transport.far.job import Done

#: Bytes read at a time: larger pieces do not go faster, smaller ones cost more calls.
PIECE_BYTES = 1024 * 1024
#: Bytes that are written before they are flushed to the disk and leave the cache: what others read stays in it, and
#: no flood of unwritten bytes stops those who serve.
FLUSH_BYTES = 64 * 1024 * 1024
#: Longest single wait of a copy that must not be faster, so that it hears soon that nobody wants it any more.
WAIT_SECONDS = 0.1
#: How the name of a copy begins and ends until all of it is on the disk, read again and found the same.
PART_START, PART_END = b".", b".keepwell-part"
#: Bytes of calls under way, by their marks.
COUNTS: dict[str, int] = {}


def digest_at(path: bytes, form: str, tell: Callable[[int], bool]) -> str:
    """The digest in small hex digits; `tell` hears the bytes of each piece and says whether to go on.

    "git-sha1" is that of a git blob, whose length stands before it. Refusal for anything but a regular file.
    """
    descriptor = open_regular(path)
    with open(descriptor, "rb", buffering=0) as file:
        made = start_digest(form, os.fstat(descriptor).st_size)
        piece = memoryview(bytearray(PIECE_BYTES))
        while True:
            count = file.readinto(piece)
            if not count:
                return str(made.hexdigest())
            made.update(piece[:count])
            go_on(tell(count))


def copy_at(path: bytes, target: bytes, rate: float, tell: Callable[[int], bool]) -> str:
    """Let the same file lie at `target`, and give the SHA-256 of its bytes, which were read twice: where they lay, and
    back from the disk that they were written to. Owner, mode, time, attributes and holes are those of the original.

    At most `rate` bytes a second, 0 for as fast as it goes. A crash leaves nothing at `target`, or all of it. Refusal
    where the file changes meanwhile, and where the disk gives back other bytes than it was given.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(target)
    part = os.path.join(folder, PART_START + name[:200] + PART_END)
    source = open_regular(path)
    try:
        found = os.fstat(source)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        sink = os.open(part, flags, 0o600)
        try:
            made = pour(source, sink, found.st_size, rate, tell)
            if digest_back(sink, tell) != made:
                raise Refusal("AccessError", "the disk gives back other bytes than were written to it")
            now = os.fstat(source)
            if (now.st_size, now.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
                raise Refusal("AccessError", "it changed while it was copied")
            dress_copy(part, path, found)
            os.fsync(sink)
        except (OSError, Refusal):
            os.unlink(part)
            raise
        finally:
            os.close(sink)
    finally:
        os.close(source)
    os.rename(part, target)
    sync_folder(folder)
    return made


def dress_copy(part: bytes, path: bytes, found: os.stat_result) -> None:
    """Give the copy what the original has; attributes as far as the file system and this user can."""
    with suppress(OSError):
        write_attributes(part, read_attributes(path))
    fields: dict[str, Any] = {"mode": stat.S_IMODE(found.st_mode), "modified_ns": found.st_mtime_ns}
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        fields.update(uid=found.st_uid, gid=found.st_gid)
    dress(part, "file", None, fields)


def pour(source: int, sink: int, size: int, rate: float, tell: Callable[[int], bool]) -> str:
    """Copy all bytes of one descriptor to another, holes as holes, and tell their digest."""
    made = start_digest("sha256", size)
    empty = bytes(PIECE_BYTES)
    began, done, flushed = time.monotonic(), 0, 0
    for start, end, is_data in find_stretches(source, size):
        at = start
        while at < end:
            count = min(end - at, PIECE_BYTES)
            if is_data:
                piece = os.pread(source, count, at)
                if not piece:
                    raise Refusal("AccessError", "it became shorter while it was copied")
                os.lseek(sink, at, os.SEEK_SET)
                write_all(sink, piece)
                made.update(piece)
                at += len(piece)
                done += len(piece)
            else:
                made.update(empty[:count])
                at += count
            go_on(tell(count))
            if done - flushed >= FLUSH_BYTES:
                flush(sink)
                flushed = done
            keep_to(rate, began, done, tell)
    os.ftruncate(sink, size)
    return str(made.hexdigest())


def digest_back(sink: int, tell: Callable[[int], bool]) -> str:
    """The digest of what the disk holds of it, not the memory that still remembers what was written."""
    flush(sink)
    os.lseek(sink, 0, os.SEEK_SET)
    made = start_digest("sha256", 0)
    while True:
        piece = os.read(sink, PIECE_BYTES)
        if not piece:
            forget(sink)
            return str(made.hexdigest())
        made.update(piece)
        go_on(tell(0))


def find_stretches(source: int, size: int) -> Iterator[tuple[int, int, bool]]:
    """Where data and where holes are: from, to, and whether it is data; one of data where nobody can tell."""
    at = 0
    while at < size:
        try:
            data = os.lseek(source, at, os.SEEK_DATA)
            end = os.lseek(source, data, os.SEEK_HOLE)
        except (AttributeError, OSError) as error:
            if getattr(error, "errno", 0) == errno.ENXIO:  # a hole up to the end
                yield at, size, False
            else:
                yield at, size, True
            return
        if data > at:
            yield at, min(data, size), False
        if data < size:
            yield data, min(end, size), True
        at = end


def keep_to(rate: float, began: float, done: int, tell: Callable[[int], bool]) -> None:
    """Wait as long as so many bytes are too many for the time that has passed."""
    while rate > 0:
        early = began + done / rate - time.monotonic()
        if early <= 0:
            return
        time.sleep(min(early, WAIT_SECONDS))
        go_on(tell(0))


def flush(descriptor: int) -> None:
    """Let the disk have what was written, and the memory forget it."""
    os.fsync(descriptor)
    forget(descriptor)


def forget(descriptor: int) -> None:
    """The next read comes from the disk, where the system can be told so."""
    advise = getattr(os, "posix_fadvise", None)
    if advise is not None:
        advise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def open_regular(path: bytes) -> int:
    """A descriptor of a regular file; never waits on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refusal("NotPermitted", "not a regular file")
    return descriptor


def start_digest(form: str, size: int) -> Any:
    """What takes the bytes; the module costs more to load than most of what is asked of a far end."""
    import hashlib

    if form == "git-sha1":
        return hashlib.sha1(b"blob %d\0" % size)
    return hashlib.sha256()


def go_on(wanted: bool) -> None:
    """Refusal where nobody waits any more."""
    if not wanted:
        raise Refusal("AccessError", "nobody waits for it any more")


def digest(job: Job) -> Done:
    """The digest of a file."""
    form = job.take("form", str)
    if form not in ("sha256", "git-sha1"):
        raise Refusal("AccessError", "the call digest has a wrong form")
    return counted(job, partial(digest_at, job.path(), form)), b""


def copy(job: Job) -> Done:
    """Copy a file on this machine."""
    rate = float(job.take("bytes_per_second", (int, float), 0.0))
    return counted(job, partial(copy_at, job.path(), job.path("target"), rate)), b""


def counts(job: Job) -> Done:
    """How many bytes calls have done since they began, by their marks."""
    return {"counts": dict(COUNTS)}, b""


def counted(job: Job, work: Callable[[Callable[[int], bool]], str]) -> dict[str, Any]:
    """Do it, telling meanwhile how far it is: the digest, and the bytes that it is of."""
    mark = job.take("mark", str, "")

    def tell(count: int) -> bool:
        COUNTS[mark] = COUNTS.get(mark, 0) + count
        return not job.stopped

    try:
        made = work(tell)
        return {"digest": made, "bytes": COUNTS.get(mark, 0)}
    finally:
        COUNTS.pop(mark, None)


WORKING = {"digest": digest}
COPYING = {"copy": copy}
COUNTING = {"counts": counts}
