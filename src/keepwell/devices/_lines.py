"""Tables of kernel lines (TOML data beside each vendor) as compiled patterns."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keepwell.plugins.device import DeviceError

HERE = Path(__file__).resolve().parent
#: The address of a PCI device in a driver's line, with or without function number.
PCI = r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePattern:
    """One kind of line: its pattern (a group `pci` gives the device) and the error that it tells of."""

    pattern: re.Pattern[str]
    error: DeviceError


def load_table(name: str) -> dict[str, Any]:
    """The TOML table of this path below `devices/`; it ships with keepwell, so a broken one is a bug."""
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def load_patterns(rows: Sequence[Mapping[str, Any]]) -> tuple[LinePattern, ...]:
    """The `[[line]]` rows of a table, in order."""
    return tuple(
        LinePattern(
            pattern=re.compile(row["match"]),
            error=DeviceError(kind="driver", **{key: value for key, value in row.items() if key != "match"}),
        )
        for row in rows
    )


def parse_line(line: str, patterns: Sequence[LinePattern]) -> DeviceError | None:
    """The error of the first pattern that this line matches, with the device's address if the line names it."""
    for one in patterns:
        found = one.pattern.search(line)
        if found is not None:
            return place_error(one.error, found.groupdict().get("pci") or "")
    return None


def place_error(error: DeviceError, pci: str) -> DeviceError:
    """The same error at this device; the address in the form of sysfs ("0000:01:00.0")."""
    return replace(error, pci=sysfs_address(pci))


def sysfs_address(pci: str) -> str:
    """An address as sysfs writes it: four digits of domain, a function, lower case; "" stays ""."""
    if not pci:
        return ""
    domain, _, rest = pci.lower().partition(":")
    if "." not in rest:
        rest += ".0"
    return f"{domain[-4:].rjust(4, '0')}:{rest}"
