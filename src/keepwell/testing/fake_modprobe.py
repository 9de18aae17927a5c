"""A modprobe for a `RootedNode`: modules come and go in the node's own /proc/modules.

It says and ends as kmod 30 does. What `modules.builtin` of the node names is built in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from keepwell.transport.base import Ran

LOADED = "proc/modules"
#: A kernel's file has no time of last change that tells anything.
NEVER_NS = (0, 0)


class FakeModprobe:
    """`known` are the modules that the kernel has, by their plain names."""

    def __init__(self, known: Iterable[str], builtin: Iterable[str] = ()) -> None:
        self.known = frozenset(known)
        self.builtin = frozenset(builtin)

    def __call__(self, argv: Sequence[str], root: Path) -> Ran:
        """Load, take out (`-r`), or show what it would do (`--show-depends`)."""
        words = [one for one in argv[1:] if not one.startswith("-")]
        name = words[0].replace("-", "_")
        if name not in self.known | self.builtin:
            said = f"modprobe: FATAL: Module {words[0]} not found in directory /lib/modules/6.1.0-40-amd64\n"
            return Ran(argv=tuple(argv), code=1, stdout=b"", stderr=said.encode())
        if "--show-depends" in argv:
            shown = f"insmod /lib/modules/6.1.0-40-amd64/kernel/{name}.ko \n"
            if name in self.builtin:
                shown = f"builtin {name}\n"
            return Ran(argv=tuple(argv), code=0, stdout=shown.encode(), stderr=b"")
        loaded = [line.split()[0] for line in (root / LOADED).read_text().splitlines()]
        loaded = [one for one in loaded if one != name]
        if "-r" not in argv and name not in self.builtin:
            loaded.append(name)
        write_loaded(root, loaded)
        return Ran(argv=tuple(argv), code=0, stdout=b"", stderr=b"")


def write_loaded(root: Path, names: Iterable[str]) -> None:
    """/proc/modules of the node."""
    path = root / LOADED
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{one} 16384 0 - Live 0x0000000000000000\n" for one in names))
    os.utime(path, ns=NEVER_NS)
