"""A systemctl for a `RootedNode`, as far as timers need one: show, start, stop, daemon-reload; and systemd-analyze.

It knows the units whose files lie in the node's /etc/systemd/system and /usr/lib/systemd/system.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keepwell.transport.base import Ran

FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")
#: What systemctl ends with for a unit that is not there (LSB's "not installed").
EXIT_NOT_THERE = 5


class FakeTimers:
    """`active` are the units that run or wait; `reloads` counts how often units were read again."""

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.reloads = 0

    def __call__(self, argv: Sequence[str], root: Path) -> Ran:
        """What systemctl 252 would say."""
        verb, unit = argv[1], argv[-1]
        if verb == "daemon-reload":
            self.reloads += 1
            return _ran(argv)
        there = any((root / folder / unit).is_file() for folder in FOLDERS)
        if verb == "show":
            load = {True: "loaded", False: "not-found"}[there or unit in self.active]
            state = {True: "active", False: "inactive"}[unit in self.active]
            return _ran(argv, f"LoadState={load}\nActiveState={state}\n")
        if not there and unit not in self.active:
            said = f"Failed to {verb} {unit}: Unit {unit} not found.\n"
            return Ran(argv=tuple(argv), code=EXIT_NOT_THERE, stdout=b"", stderr=said.encode())
        if verb == "start":
            self.active.add(unit)
        elif verb == "stop":
            self.active.discard(unit)
        return _ran(argv)


def analyze(argv: Sequence[str], root: Path) -> Ran:
    """A systemd-analyze that takes every time but "never"."""
    del root
    if argv[-1] == "never":
        return Ran(argv=tuple(argv), code=1, stdout=b"", stderr=b"Failed to parse calendar specification 'never'\n")
    return _ran(argv, f"Normalized form: {argv[-1]}\n")


def _ran(argv: Sequence[str], said: str = "") -> Ran:
    return Ran(argv=tuple(argv), code=0, stdout=said.encode(), stderr=b"")
