"""What package managers wrote about what they changed: dpkg, pacman, dnf/rpm, apk has no such log.

Every parser gives (local time as written, action, package, version) in the order of the file; lines of another
shape are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

#: `2025-06-24 14:36:25 upgrade libsystemd0:amd64 252.36 252.38`; the installed version is the last word.
_DPKG = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (install|upgrade|remove|purge) (\S+) (\S+)(?: (\S+))?$")
#: `[2025-06-24T14:36:25+0200] [ALPM] upgraded linux (6.9.1-1 -> 6.9.2-1)`
_PACMAN = re.compile(r"^\[([^\]]{16,30})\] \[ALPM\] (installed|upgraded|removed|downgraded) (\S+) \((.*)\)$")
#: `2025-06-24T14:36:25+0000 SUBDEBUG Upgrade: kernel-core-6.9.4-200.fc40.x86_64`
_DNF = re.compile(r"^(\S{19,30}) SUBDEBUG (Install|Installed|Upgrade|Upgraded|Erase|Removed): (\S+)$")
_RPM_NAME = re.compile(r"^(.+)-([^-]+-[^-]+)$")
_ACTIONS = {
    "install": "installed",
    "upgrade": "upgraded",
    "remove": "removed",
    "purge": "removed",
    "erase": "removed",
    "downgraded": "upgraded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """One package installed, upgraded or removed. `at` is seconds since the epoch."""

    at: float
    action: str
    package: str
    version: str


def parse_dpkg_log(text: str, offset_seconds: float) -> tuple[PackageChange, ...]:
    """/var/log/dpkg.log, which writes local time; `offset_seconds` is how far that is ahead of UTC."""
    return tuple(_dpkg(text, offset_seconds))


def parse_pacman_log(text: str) -> tuple[PackageChange, ...]:
    """/var/log/pacman.log, which writes its offset."""
    found = (_PACMAN.match(line) for line in text.splitlines())
    changes = (_change(one[1], one[2], one[3], one[4].rpartition("-> ")[2]) for one in found if one is not None)
    return tuple(one for one in changes if one is not None)


def parse_dnf_log(text: str) -> tuple[PackageChange, ...]:
    """/var/log/dnf.rpm.log (and dnf5.log's same lines), which writes its offset."""
    changes = []
    for line in text.splitlines():
        found = _DNF.match(line)
        if found is None or found[2] == "Upgraded":  # "Upgraded" names the old package once more
            continue
        name = _RPM_NAME.match(found[3])
        if name is not None:
            changes.append(_change(found[1], found[2], name[1], name[2]))
    return tuple(one for one in changes if one is not None)


def _dpkg(text: str, offset_seconds: float) -> Iterator[PackageChange]:
    for line in text.splitlines():
        found = _DPKG.match(line)
        if found is None:
            continue
        change = _change(f"{found[1]}+0000", found[2], found[3].partition(":")[0], found[5] or found[4])
        if change is not None:
            yield PackageChange(
                at=change.at - offset_seconds, action=change.action, package=change.package, version=change.version
            )


def _change(when: str, action: str, package: str, version: str) -> PackageChange | None:
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    word = action.lower()
    return PackageChange(at=moment.timestamp(), action=_ACTIONS.get(word, word), package=package, version=version)
