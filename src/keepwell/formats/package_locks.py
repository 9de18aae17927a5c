"""Which packages stay as they are (apt, dnf 4 and 5, zypper), and which versions are installed, as those tools tell."""

from __future__ import annotations

import re
import tomllib

#: A name in a line of dnf 4's list: `python3-0:3.9.18-1.el9.*`, or with a ! before it, for versions to leave out.
_NEVRA = re.compile(r"(?P<name>[A-Za-z0-9][\w.+-]*?)-(?:\d+:)?[^-\s:]+-[^-\s]+$")


def parse_holds(text: str) -> frozenset[str]:
    """`apt-mark showhold`: a name a line, with its architecture where that is not the machine's own."""
    return frozenset(line.strip() for line in text.splitlines() if line.strip())


def parse_version_locks(content: bytes) -> frozenset[str]:
    """/etc/dnf/plugins/versionlock.list of dnf 4."""
    lines = (line.strip() for line in content.decode("utf-8", "replace").splitlines())
    found = (_NEVRA.match(line) for line in lines if line and line[0] not in "#!")
    return frozenset(one["name"] for one in found if one)


def parse_version_lock_table(content: bytes) -> frozenset[str]:
    """/etc/dnf/versionlock.toml of dnf 5; ValueError for what is no such file."""
    packages = tomllib.loads(content.decode("utf-8")).get("packages", [])
    if not isinstance(packages, list):
        raise ValueError("packages is no list")
    names = (one.get("name") for one in packages if isinstance(one, dict))
    return frozenset(name for name in names if isinstance(name, str))


def parse_solver_locks(content: bytes) -> frozenset[str]:
    """/etc/zypp/locks: blocks of `name: value` lines; those that lock a package by its name."""
    found = set()
    for block in re.split(r"\n\s*\n", content.decode("utf-8", "replace")):
        pairs = dict(line.split(":", 1) for line in block.splitlines() if ":" in line and not line.startswith("#"))
        said = {name.strip(): value.strip() for name, value in pairs.items()}
        if said.get("solvable_name") and said.get("type", "package") == "package":
            found.add(said["solvable_name"])
    return frozenset(found)


def parse_versions(text: str) -> dict[str, str]:
    """Name to version of what is installed, from lines as `DPKG_FORMAT` and `RPM_FORMAT` make them."""
    rows = (line.split("\t") for line in text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


#: What makes dpkg and rpm print name, version and state, apart by tabs.
DPKG_FORMAT = "${Package}\\t${Version}\\t${db:Status-Status}\\n"
RPM_FORMAT = "%{NAME}\\t%{VERSION}-%{RELEASE}\\tinstalled\\n"
