"""What lies at a path, wholly, and putting it there. Sent there as text with far_end.py: standard library only,
Python 3.7 or newer. The local machine uses `look_at`, `put_at` and `rename_to` too.

Fields are those of keepwell.core.entry. Nothing follows a symbolic link at the end of a path.
"""

from __future__ import annotations

import base64
import os
import stat

from keepwell.transport.far.files import change_mode, sync_folder, write_all
from keepwell.transport.far.job import Job, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from keepwell.transport.far.job import Done

#: Attributes of one thing that are looked at.
ATTRIBUTES = 64
#: Bytes that are read at once; the kernel's own files refuse 4 MiB (ENOMEM).
PIECE_BYTES = 64 * 1024
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
USUAL_MODES = {"file": 0o644, "folder": 0o755}


def look_at(path: bytes, most: int) -> tuple[dict[str, Any], bytes | None]:
    """Its fields, and the bytes of a file of at most `most`, else None. Refusal for a device, a socket or a pipe."""
    fields = {"kind": "absent", "folder_ns": -1}
    try:
        fields["folder_ns"] = os.stat(os.path.dirname(path) or b".").st_mtime_ns
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return fields, None
    kind = KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        raise Refusal("AccessError", "a device, a socket or a pipe")
    fields.update(kind=kind, mode=stat.S_IMODE(found.st_mode), uid=found.st_uid, gid=found.st_gid)
    fields.update(modified_ns=found.st_mtime_ns, attributes=read_attributes(path), target="")
    if kind == "link":
        fields["target"] = os.readlink(path).decode("utf-8", "surrogateescape")
    content = None
    if kind == "file" and found.st_size <= most:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            content = read_at_most(file, most + 1)
        if len(content) > most:
            content = None
    return fields, content


def read_at_most(file: Any, most: int) -> bytes:
    """Up to so many bytes, piece by piece: files of the kernel refuse to be read with a large buffer."""
    pieces = []
    while most > 0:
        piece = file.read(min(most, PIECE_BYTES))
        if not piece:
            break
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def put_at(path: bytes, fields: dict[str, Any], content: bytes | None) -> None:
    """Let this lie at a path, and be all that is said of it. A crash leaves the old or the new.

    Only a file that has several names is written in its place, so that they stay names of one file; it is not taken
    away. Refusal also where something of another kind is in the way, or a folder is not empty.
    """
    found = find(path)
    folder = os.path.dirname(path) or b"."
    kind = fields["kind"]
    there = "absent"
    if found is not None:
        there = KINDS.get(stat.S_IFMT(found.st_mode), "other")
    if found is not None and there == "file" and kind != "file" and found.st_nlink > 1:
        raise Refusal("AccessError", "a file with several names cannot be put back as one of them: rename it")
    if kind == "absent":
        take_away(path, there)
    elif there not in ("absent", kind) and not {there, kind} <= {"file", "link"}:
        raise Refusal("AccessError", f"a {there} is in the way")
    elif kind == "folder":
        if found is None:
            os.mkdir(path, 0o700)
        dress(path, kind, found, fields)
    elif kind == "link":
        put_link(path, fields)
    elif content is not None:
        put_file(path, found, fields, content)
    elif there == "file":
        dress(path, kind, found, fields)
    else:
        raise Refusal("NotThere", "there is no file to change")
    if os.path.isdir(folder):
        sync_folder(folder)
    if fields.get("folder_ns", -1) >= 0:
        os.utime(folder, ns=(os.stat(folder).st_atime_ns, fields["folder_ns"]))


def rename_to(path: bytes, target: bytes) -> None:
    """Give it another name on the same file system; Refusal where something has that name."""
    if find(target) is not None:
        raise Refusal("AccessError", "something lies there already")
    os.rename(path, target)
    for folder in {os.path.dirname(path) or b".", os.path.dirname(target) or b"."}:
        sync_folder(folder)


def find(path: bytes) -> os.stat_result | None:
    """What lies there, None for nothing."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def take_away(path: bytes, there: str) -> None:
    """Nothing lies there any more."""
    if there == "folder":
        os.rmdir(path)
    elif there != "absent":
        os.unlink(path)


def put_link(path: bytes, fields: dict[str, Any]) -> None:
    """A link, in place of a link or a file."""
    beside = name_beside(path)
    os.symlink(fields["target"].encode("utf-8", "surrogateescape"), beside)
    try:
        set_owner_and_time(beside, None, fields)
        os.rename(beside, path)
    except OSError:
        os.unlink(beside)
        raise


def put_file(path: bytes, found: os.stat_result | None, fields: dict[str, Any], content: bytes) -> None:
    """A file with these bytes."""
    if found is not None and stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        write_in_place(path, content)
        dress(path, "file", found, fields)
        return
    beside = name_beside(path)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            write_all(descriptor, content)
            if found is not None and stat.S_ISREG(found.st_mode):
                if fields.get("attributes") is None:
                    fields = dict(fields, attributes=read_attributes(path))
                if fields.get("uid", -1) < 0 and fields.get("gid", -1) < 0:
                    fields = dict(fields, uid=found.st_uid, gid=found.st_gid)
                if fields.get("mode", -1) < 0:
                    fields = dict(fields, mode=stat.S_IMODE(found.st_mode))
            dress(beside, "file", None, fields)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(beside, path)
    except OSError:
        os.unlink(beside)
        raise


def write_in_place(path: bytes, content: bytes) -> None:
    """From its beginning, then cut to its length: at any moment it begins like the new and goes on like the old."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        write_all(descriptor, content)
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def dress(path: bytes, kind: str, found: os.stat_result | None, fields: dict[str, Any]) -> None:
    """Owner, attributes, permission bits and time, in this order: each may be undone by the one before."""
    set_owner_and_time(path, found, fields, time=False)
    write_attributes(path, fields.get("attributes"))
    mode = fields.get("mode", -1)
    if mode < 0 and found is None:
        mode = USUAL_MODES[kind]
    elif mode < 0 and found is not None:
        mode = stat.S_IMODE(found.st_mode)
    change_mode(path, mode)
    set_owner_and_time(path, os.lstat(path), fields, owner=False)


def set_owner_and_time(
    path: bytes, found: os.stat_result | None, fields: dict[str, Any], owner: bool = True, time: bool = True
) -> None:
    """Those that are wished."""
    uid, gid, modified = (fields.get(name, -1) for name in ("uid", "gid", "modified_ns"))
    if owner and (uid >= 0 or gid >= 0):
        now = found or os.lstat(path)
        if (uid, gid) != (now.st_uid, now.st_gid):
            os.chown(path, uid, gid, follow_symlinks=False)
    if time and modified >= 0:
        os.utime(path, ns=(os.lstat(path).st_atime_ns, modified), follow_symlinks=False)


def read_attributes(path: bytes) -> dict[str, str]:
    """Extended attributes, base64; {} where the system or the file system has none."""
    if not hasattr(os, "listxattr"):
        return {}
    found = {}
    try:
        for name in sorted(os.listxattr(path, follow_symlinks=False))[:ATTRIBUTES]:
            found[name] = base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode("ascii")
    except OSError:
        return found
    return found


def write_attributes(path: bytes, wished: dict[str, str] | None) -> None:
    """Exactly these; None leaves them."""
    if wished is None or not hasattr(os, "listxattr"):
        return
    there = read_attributes(path)
    for name in there:
        if name not in wished:
            os.removexattr(path, name, follow_symlinks=False)
    for name, value in wished.items():
        if there.get(name) != value:
            os.setxattr(path, name, base64.b64decode(value), follow_symlinks=False)


def name_beside(path: bytes) -> bytes:
    """A name in the same folder that nobody has."""
    folder, name = os.path.split(path)
    return os.path.join(folder, b"." + name[:200] + b"." + os.urandom(8).hex().encode("ascii") + b".keepwell")


def entry(job: Job) -> Done:
    """What lies at a path."""
    fields, content = look_at(job.path(), job.limit())
    fields["whole"] = content is not None
    return fields, content or b""


def put(job: Job) -> Done:
    """Let something lie at a path."""
    fields = job.take("entry", dict)
    if not is_entry(fields):
        raise Refusal("AccessError", "the call put has a wrong entry")
    content = None
    if job.take("whole", bool, False):
        content = job.payload
    put_at(job.path(), fields, content)
    return {}, b""


def rename(job: Job) -> Done:
    """Give it another name."""
    rename_to(job.path(), job.path("target"))
    return {}, b""


def is_entry(fields: dict[str, Any]) -> bool:
    """Whether each field is of its kind."""
    numbers = [fields.get(name, -1) for name in ("mode", "uid", "gid", "modified_ns", "folder_ns")]
    attributes = fields.get("attributes") or {}
    return (
        fields.get("kind") in ("absent", "file", "folder", "link")
        and isinstance(fields.get("target", ""), str)
        and all(type(one) is int and -1 <= one < 1 << 63 for one in numbers)
        and isinstance(attributes, dict)
        and all(isinstance(value, str) for value in attributes.values())
    )


LOOKING = {"entry": entry}
PUTTING = {"put": put, "rename": rename}
