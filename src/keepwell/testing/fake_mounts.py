"""mount and umount for a `RootedNode`: by the options of its /etc/fstab, what is mounted stands in its mountinfo."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from keepwell.formats.fstab import FstabEntry, parse_fstab
from keepwell.transport.base import Ran

MOUNTED, FSTAB = "proc/self/mountinfo", "etc/fstab"
#: A kernel's file has no time of last change that tells anything.
NEVER_NS = (0, 0)


class FakeMounts:
    """Both programs, as far as `--all --test-opts OPTION` goes; nothing is done twice."""

    def __init__(self) -> None:
        self.entries: list[FstabEntry] = []

    def __call__(self, argv: Sequence[str], root: Path) -> Ran:
        """What util-linux 2.38 does: lines of fstab that bear the option."""
        meant = [one for one in parse_fstab((root / FSTAB).read_bytes()) if argv[3] in one.options]
        kept = [one for one in self.entries if one.where not in {entry.where for entry in meant}]
        if argv[0] == "mount":
            kept += meant
        self.entries = kept
        self.write(root)
        return Ran(argv=tuple(argv), code=0, stdout=b"", stderr=b"")

    def write(self, root: Path) -> None:
        """/proc/self/mountinfo of the node."""
        path = root / MOUNTED
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = ["20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw"]
        lines += [
            f"{30 + at} 20 0:{at} / {one.where} rw - {one.kind} {_device(one.what, root)} rw"
            for at, one in enumerate(self.entries)
        ]
        path.write_text("\n".join([*lines, ""]))
        os.utime(path, ns=NEVER_NS)


def _device(what: str, root: Path) -> str:
    """The kernel knows a disk by its device only."""
    name, _, value = what.partition("=")
    if name != "UUID":
        return what
    return f"/dev/{Path(os.readlink(root / 'dev' / 'disk' / 'by-uuid' / value)).name}"
