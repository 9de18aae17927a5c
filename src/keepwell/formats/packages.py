"""What package managers wrote about what they changed: dpkg, pacman, dnf/rpm, zypper; apk has no such log.

Every parser gives (local time as written, action, package, version) in the order of the file; lines of another
shape are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter

from keepwell.core.event import Sure
from keepwell.formats.local_time import LocalTime

#: `2025-06-24 14:36:25 upgrade libsystemd0:amd64 252.36 252.38`; the installed version is the last word.
_DPKG = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (install|upgrade|remove|purge) (\S+) (\S+)(?: (\S+))?$")
#: `[2025-06-24T14:36:25+0200] [ALPM] upgraded linux (6.9.1-1 -> 6.9.2-1)`
_PACMAN = re.compile(r"^\[([^\]]{16,30})\] \[ALPM\] (installed|upgraded|removed|downgraded) (\S+) \((.*)\)$")
#: `2025-06-24T14:36:25+0000 SUBDEBUG Upgrade: kernel-core-6.9.4-200.fc40.x86_64`
_DNF = re.compile(r"^(\S{19,30}) SUBDEBUG (Install|Installed|Upgrade|Upgraded|Erase|Removed): (\S+)$")
#: `2026-05-20 16:49:12|install|pkg|1.0-1|x86_64|root@box|repo|digest|`
_ZYPP = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\|(install|remove ?)\|([^|]{1,200})\|([^|]{0,200})\|")
#: `1767225600 kernel-core 6.9.4-200.fc40.x86_64`, as RPM_TIMES asks for.
_RPM_TIME = re.compile(r"^(\d{9,11}) (\S+) (\S+)$")
#: When each installed package of an rpm system was installed, in seconds since the epoch: no log, no locale.
RPM_TIMES = ("rpm", "-qa", "--queryformat", "%{INSTALLTIME} %{NAME} %{VERSION}-%{RELEASE}.%{ARCH}\\n")
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
    """One package installed, upgraded or removed. `at` is seconds since the epoch; `before` is the version that
    was there, "" where none was or none is told.
    """

    at: float
    action: str
    package: str
    version: str
    before: str = ""
    sure: Sure = "exact"


def parse_dpkg_log(text: str, local: LocalTime) -> tuple[PackageChange, ...]:
    """/var/log/dpkg.log, which writes local time."""
    return tuple(_dpkg(text, local))


def parse_zypper_log(text: str, local: LocalTime) -> tuple[PackageChange, ...]:
    """/var/log/zypp/history, which writes local time."""
    return tuple(_zypper(text, local))


def parse_rpm_times(text: str) -> tuple[PackageChange, ...]:
    """What RPM_TIMES prints, oldest first: the last installation of each package, whatever was there before."""
    found = (_RPM_TIME.match(line) for line in text.splitlines())
    changes = [
        PackageChange(at=float(one[1]), action="installed", package=one[2], version=one[3], sure="last")
        for one in found
        if one is not None
    ]
    return tuple(sorted(changes, key=attrgetter("at")))


def parse_pacman_log(text: str) -> tuple[PackageChange, ...]:
    """/var/log/pacman.log, which writes its offset."""
    found = (_PACMAN.match(line) for line in text.splitlines())
    changes = (_alpm(one) for one in found if one is not None)
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


def _dpkg(text: str, local: LocalTime) -> Iterator[PackageChange]:
    for line in text.splitlines():
        found = _DPKG.match(line)
        if found is None:
            continue
        try:
            at, sure = local.instant(datetime.fromisoformat(found[1]))
        except ValueError:
            continue
        name, version, before = found[3].partition(":")[0], found[5] or found[4], found[4]
        if before in ("<none>", version) or found[2] in ("remove", "purge"):
            before = ""
        if version == "<none>":
            version = found[4]
        yield PackageChange(at=at, action=_ACTIONS[found[2]], package=name, version=version, before=before, sure=sure)


def _zypper(text: str, local: LocalTime) -> Iterator[PackageChange]:
    for line in text.splitlines():
        found = _ZYPP.match(line)
        if found is None:
            continue
        try:
            at, sure = local.instant(datetime.fromisoformat(found[1]))
        except ValueError:
            continue
        yield PackageChange(at=at, action=_ACTIONS[found[2].strip()], package=found[3], version=found[4], sure=sure)


def _alpm(found: re.Match[str]) -> PackageChange | None:
    before, arrow, version = found[4].rpartition(" -> ")
    return _change(found[1], found[2], found[3], version, before * bool(arrow))


def _change(when: str, action: str, package: str, version: str, before: str = "") -> PackageChange | None:
    try:
        moment = datetime.fromisoformat(when)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        at = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    word = action.lower()
    return PackageChange(at=at, action=_ACTIONS.get(word, word), package=package, version=version, before=before)
