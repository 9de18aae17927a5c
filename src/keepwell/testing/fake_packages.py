"""Package managers for a `RootedNode`: apt-mark and dpkg-query; dnf with its versionlock and rpm; they say what the
real ones say (apt 2.6, dnf 4.14).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from keepwell.testing.rooted import Program
from keepwell.transport.base import Ran

LOCK_LIST = "etc/dnf/plugins/versionlock.list"
#: The list's time of last change, so that a list with the same lines is the same file.
NEVER_NS = (0, 0)


class FakeApt:
    """`versions` by package, of those that are installed; `offered` is what can be installed."""

    def __init__(self, versions: Mapping[str, str], offered: Mapping[str, str] | None = None) -> None:
        self.versions = dict(versions)
        self.offered = dict(offered or {})
        self.held: set[str] = set()

    @property
    def programs(self) -> dict[str, Program]:
        """All of them, by name."""
        return {"apt-mark": self._mark, "dpkg-query": self._query, "env": self._install}

    def _mark(self, argv: Sequence[str], root: Path) -> Ran:
        del root
        verb, names = argv[1], argv[2:]
        if verb == "showhold":
            return _ran(argv, "".join(f"{one}\n" for one in sorted(self.held)))
        unknown = [one for one in names if one not in self.versions]
        if unknown:
            return _ran(argv, "", 100, f"E: Unable to locate package {unknown[0]}\nE: No packages found\n")
        if verb == "hold":
            self.held |= set(names)
            return _ran(argv, "".join(f"{one} set on hold.\n" for one in names))
        self.held -= set(names)
        return _ran(argv, "".join(f"Canceled hold on {one}.\n" for one in names))

    def _query(self, argv: Sequence[str], root: Path) -> Ran:
        del root
        lacking = [one for one in argv[3:] if one not in self.versions]
        rows = [f"{one}\t{self.versions[one]}\tinstalled\n" for one in argv[3:] if one in self.versions]
        said = "".join(f"dpkg-query: no packages found matching {one}\n" for one in lacking)
        return _ran(argv, "".join(rows), int(bool(lacking)), said)

    def _install(self, argv: Sequence[str], root: Path) -> Ran:
        """`env DEBIAN_FRONTEND=... apt-get install NAME=VERSION`."""
        del root
        name, _, version = argv[-1].partition("=")
        if not fnmatchcase(self.offered.get(name, ""), version):
            return _ran(argv, "", 100, f"E: Version '{version}' for '{name}' was not found\n")
        self.versions[name] = self.offered[name]
        return _ran(argv, "")


class FakeDnf:
    """dnf 4 with its versionlock plug-in, over the node's own list; `versions` are name to version-release."""

    def __init__(self, versions: Mapping[str, str]) -> None:
        self.versions = dict(versions)

    @property
    def programs(self) -> dict[str, Program]:
        """All of them, by name."""
        return {"dnf": self._lock, "rpm": self._query}

    def _lock(self, argv: Sequence[str], root: Path) -> Ran:
        verb, name = argv[-2], argv[-1]
        path = root / LOCK_LIST
        line = f"{name}-0:{self.versions[name]}.*"
        lines = [one for one in path.read_text().splitlines() if one != line]
        if verb == "add":
            lines.append(line)
        path.write_text("".join(f"{one}\n" for one in lines))
        os.utime(path, ns=NEVER_NS)
        return _ran(argv, f"{verb.capitalize()}ing versionlock on: {line}\n")

    def _query(self, argv: Sequence[str], root: Path) -> Ran:
        del root
        names = argv[4:]
        told = {name: f"{name}\t{version}\tinstalled\n" for name, version in self.versions.items()}
        said = "".join(told.get(name, f"package {name} is not installed\n") for name in names)
        return _ran(argv, said, sum(name not in told for name in names))


def _ran(argv: Sequence[str], said: str, code: int = 0, complaint: str = "") -> Ran:
    return Ran(argv=tuple(argv), code=code, stdout=said.encode(), stderr=complaint.encode())
