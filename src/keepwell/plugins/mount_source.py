"""What a line of fstab names as its source: whether it is there, and whether it is what is mounted."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, failed
from keepwell.formats.mounts import Mount
from keepwell.plugins.wish import Looked, Needs

#: Where udev names disks, by what a line of fstab may say of one.
NAMED = {
    "UUID": "/dev/disk/by-uuid",
    "LABEL": "/dev/disk/by-label",
    "PARTUUID": "/dev/disk/by-partuuid",
    "PARTLABEL": "/dev/disk/by-partlabel",
    "ID": "/dev/disk/by-id",
}


def find_source(what: str) -> str:
    """The path of a device or folder; "" for a share, and for what is in memory only."""
    name, equals, value = what.partition("=")
    if equals and name in NAMED:
        return f"{NAMED[name]}/{value.strip(chr(34))}"
    if what.startswith("/") and not what.startswith("//"):
        return posixpath.normpath(what)
    return ""


def source_needs(what: str, here: Mount | None) -> Needs:
    """What has to be looked at: the names beside it (a device itself cannot be looked at), and links of devices."""
    source = find_source(what)
    paths = [source] * source.startswith("/dev/")
    if here is not None and here.device.startswith("/dev/"):
        paths.append(here.device)
    folders = (str(PurePosixPath(source).parent),) * bool(source)
    return Needs(paths=tuple(paths), folders=folders)


def find_source_problem(what: str, looked: Looked) -> str | Missing:
    """Why it cannot be mounted, "" where nothing speaks against it."""
    source = find_source(what)
    if not source:
        return ""
    parent = PurePosixPath(source).parent
    names = looked.names.get(str(parent), failed(f"{parent} was not looked at"))
    if isinstance(names, Missing) and names.kind != "absent":
        return names
    if isinstance(names, Missing) or PurePosixPath(source).name not in names:
        return f"there is no {what}: `lsblk --fs` shows what is there"
    return ""


def is_mounted_from(what: str, here: Mount, looked: Looked) -> bool:
    """Whether what is mounted comes from there; what has no name of its own (tmpfs) always does."""
    source = find_source(what)
    if source:
        return _real(source, looked) == _real(here.device, looked)
    if ":/" in what or what.startswith("//"):
        return what.rstrip("/") == here.device.rstrip("/")
    return True


def _real(path: str, looked: Looked) -> str:
    """Where a link of a device leads."""
    found = looked.entries.get(path)
    if isinstance(found, Entry) and found.kind == "link":
        return posixpath.normpath(posixpath.join(posixpath.dirname(path), found.target))
    return path
