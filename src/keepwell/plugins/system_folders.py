"""What steps share that change owners and modes: folders that are the system's own, and what is mounted where."""

from __future__ import annotations

import posixpath

from keepwell.core.entry import Entry
from keepwell.formats.mounts import Mount, parse_mountinfo
from keepwell.plugins.wish import Looked

MOUNTINFO = "/proc/self/mountinfo"
#: Folders whose owners and modes the system's packages set; a wish about one of them is a slip.
SYSTEM = frozenset(
    {
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib32",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/tmp",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local",
        "/usr/local/bin",
        "/usr/local/lib",
        "/usr/sbin",
        "/usr/share",
        "/var",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/tmp",
    }
)
#: What lies below these is the kernel's, or the system's programs.
_BELOW = ("/bin/", "/boot/", "/dev/", "/lib/", "/lib64/", "/proc/", "/sbin/", "/sys/", "/usr/bin/", "/usr/sbin/")


def is_system_folder(path: str) -> bool:
    """Whether a path, written in whatever way, is one of the system's own folders."""
    plain = "/" + posixpath.normpath(path).lstrip("/")
    return plain in SYSTEM or plain.startswith(_BELOW)


def find_mounts(looked: Looked) -> tuple[Mount, ...]:
    """What is mounted on the node, where `MOUNTINFO` was looked at; () where nobody can tell."""
    found = looked.entries.get(MOUNTINFO)
    if isinstance(found, Entry) and found.content is not None:
        return parse_mountinfo(found.content.decode("utf-8", "surrogateescape"))
    return ()
