"""/proc/self/mountinfo, parsed; which kinds of file systems hold files, and which may hang when asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: File systems over a network or through another process: asking one whose other end is gone can wait for ever.
REMOTE_KINDS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "9p", "gpfs"}
)
#: File systems that hold files of people and programs. A FUSE one counts as remote, but for these.
LOCAL_FUSE = frozenset({"fuseblk", "fuse.lxcfs", "fuse.mergerfs", "fuse.bindfs"})
#: Kinds that are the kernel's own or an image that is always full.
VIRTUAL_KINDS = frozenset(
    {
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "efivarfs",
        "fuse.lxcfs",
        "fusectl",
        "hugetlbfs",
        "iso9660",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "ramfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "squashfs",
        "sysfs",
        "tracefs",
    }
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mounted file system: where, what kind, from which device, with which options (mount's and its own)."""

    path: str
    kind: str
    device: str
    options: tuple[str, ...]

    @property
    def virtual(self) -> bool:
        """True if no program keeps files there."""
        return self.kind in VIRTUAL_KINDS

    @property
    def remote(self) -> bool:
        """True if asking it may hang."""
        fuse = self.kind == "fuse" or self.kind.startswith("fuse.")
        return self.kind in REMOTE_KINDS or (fuse and self.kind not in LOCAL_FUSE)

    @property
    def read_only(self) -> bool:
        """True if nothing can be written there."""
        return "ro" in self.options


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """The mounts in order; of several on one path the last, which hides the others. Other lines are left out."""
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if not dash or len(fields) < 6 or len(tail) < 2:
            continue
        options = dict.fromkeys([*fields[5].split(","), *(tail[2:3] or [""])[0].split(",")])
        path = unescape_path(fields[4])
        found.pop(path, None)
        found[path] = Mount(
            path=path,
            kind=tail[0],
            device=unescape_path(tail[1]),
            options=tuple(word for word in options if word),
        )
    return tuple(found.values())


def unescape_path(text: str) -> str:
    """The kernel writes blanks, tabs, newlines and backslashes of a path as three octal digits."""
    return _ESCAPE.sub(_character, text)


def find_mount(path: str, mounts: tuple[Mount, ...]) -> Mount | None:
    """The mount that holds a path (the longest that is above it), or None."""
    holding = [one for one in mounts if f"{path}/".startswith(f"{one.path.rstrip('/')}/")]
    return max(holding, key=_length, default=None)


def _character(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def _length(mount: Mount) -> int:
    return len(mount.path)
