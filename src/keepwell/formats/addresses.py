"""Network interfaces as Linux tells them: `ip -j address`, /proc/net/dev."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Interfaces read from one answer; a busy container host has some hundred.
INTERFACES = 512
_COUNTS = re.compile(r"^\s*([^\s:]{1,32}):\s*((?:\d{1,20}\s*){16})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One interface. `addresses` have their prefix length; `master` is the bridge or bond that it is part of, or "".

    `link` is the kernel's word for its type ("ether", "loopback", ...); `mtu` is 0 where it is not told.
    """

    name: str
    up: bool
    link: str = ""
    mtu: int = 0
    master: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What went over an interface since it was made, both directions together."""

    bytes: int
    packets: int
    errors: int
    drops: int


def parse_ip_addresses(text: str) -> tuple[Interface, ...]:
    """The interfaces in `ip -j address`; ValueError if it is not such a list."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(rows, list):
        raise ValueError("not a list of interfaces")
    return tuple(_interface(row) for row in rows[:INTERFACES] if isinstance(row, dict) and _text(row, "ifname"))


def parse_net_dev(text: str) -> dict[str, Counters]:
    """/proc/net/dev: counters by interface; lines of another shape are left out."""
    found: dict[str, Counters] = {}
    for line in text.splitlines():
        match = _COUNTS.match(line)
        if match is not None:
            row = [int(word) for word in match[2].split()]
            found[match[1]] = Counters(
                bytes=row[0] + row[8], packets=row[1] + row[9], errors=row[2] + row[10], drops=row[3] + row[11]
            )
    return found


def _interface(row: Mapping[str, object]) -> Interface:
    flags = row.get("flags")
    state = _text(row, "operstate")
    raised = isinstance(flags, list) and "UP" in flags
    return Interface(
        name=_text(row, "ifname"),
        up=raised and state not in ("DOWN", "LOWERLAYERDOWN", "NOTPRESENT"),
        link=_text(row, "link_type"),
        mtu=_number(row, "mtu"),
        master=_text(row, "master"),
        addresses=_addresses(row.get("addr_info")),
    )


def _addresses(rows: object) -> tuple[str, ...]:
    if not isinstance(rows, list):
        return ()
    found = []
    for row in rows:
        if isinstance(row, dict) and _text(row, "local") and _text(row, "scope") != "link":
            found.append(f"{_text(row, 'local')}/{_number(row, 'prefixlen')}")
    return tuple(found)


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key)
    if isinstance(value, str):
        return value
    return ""


def _number(row: Mapping[str, object], key: str) -> int:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return 0
