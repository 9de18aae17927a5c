"""Device nodes: major numbers, groups, and who may open one by its mode and by the device rules of a cgroup."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from keepwell.formats.number import find_whole

#: Bits of /proc/PID/status CapEff (capability.h): both let a process open what the mode forbids.
CAP_DAC_OVERRIDE = 1 << 1
#: /proc/PID/uid_map of a process in the first user namespace.
WHOLE_MAP = ("0", "0", "4294967295")
_RULE = re.compile(r"^([abc]) (\*|\d{1,10}):(\*|\d{1,10}) ([rwm]{1,3})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Who wants to open a node: numbers of user and groups, and whether it stands above modes."""

    uid: int
    groups: frozenset[int]
    privileged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRule:
    """One line of `devices.list` (cgroup v1): what may be opened. "*" stands for any number."""

    kind: str
    major: str
    minor: str
    access: str


def may_open(mode: int, uid: int, gid: int, who: Opener) -> bool:
    """True if these permission bits let this process read and write."""
    if who.privileged:
        return True
    shift = 0
    if gid in who.groups:
        shift = 3
    if uid == who.uid:
        shift = 6
    return mode >> shift & 0o6 == 0o6


def parse_majors(text: str) -> dict[str, int]:
    """The character devices of /proc/devices: driver name to major number."""
    found: dict[str, int] = {}
    for line in text.partition("Block devices:")[0].splitlines():
        words = line.split()
        number = find_whole("".join(words[:1]))
        if len(words) == 2 and number is not None:
            found.setdefault(words[1], number)
    return found


def parse_group_names(text: str) -> dict[int, str]:
    """/etc/group: number to name, the first of two equal numbers wins."""
    found: dict[int, str] = {}
    for line in text.splitlines():
        fields = line.split(":")
        number = find_whole("".join(fields[2:3]))
        if number is not None:
            found.setdefault(number, fields[0])
    return found


def parse_device_rules(text: str) -> tuple[DeviceRule, ...]:
    """`devices.list` of a cgroup (version 1); lines of another shape are left out."""
    found = (_RULE.match(line.strip()) for line in text.splitlines())
    return tuple(DeviceRule(kind=one[1], major=one[2], minor=one[3], access=one[4]) for one in found if one is not None)


def rules_allow(rules: Collection[DeviceRule], major: str, minor: str) -> bool:
    """True if these rules let a character device be read and written."""
    return any(
        one.kind in "ac" and one.major in ("*", major) and one.minor in ("*", minor) and {"r", "w"} <= set(one.access)
        for one in rules
    )
