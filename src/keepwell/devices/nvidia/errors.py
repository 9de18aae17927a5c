"""Xid, SXid and other lines of NVIDIA's kernel driver, with what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from keepwell.devices._lines import LinePattern, load_patterns, load_table, parse_line, sysfs_address
from keepwell.plugins.device import DeviceError

TABLE = "nvidia/nvidia.toml"

#: `NVRM: Xid (PCI:0000:01:00): 79, pid=1234, name=x, text`; MIG puts the instance behind the address.
_XID = re.compile(r"NVRM: Xid \(PCI:([0-9a-fA-F:.]+)(?: GPU-I:\d+)?\): (\d+),? ?(.*)")
_SXID = re.compile(r"SXid \(PCI:([0-9a-fA-F:.]+)\): (\d+),? ?(.*)")
_PID = re.compile(r"\bpid='?(\d+)")
_NAME = re.compile(r"\bname='?([^',]+)")
#: Xid 154 says in words what to do: "... changed from 0x0 (None) to 0x1 (GPU Reset Required)".
_RECOVERY = re.compile(r" to 0x[0-9a-fA-F]+ \(([^)]+)\)")


def parse_error(line: str) -> DeviceError | None:
    """The error that a kernel line tells of, or None; never raises."""
    xid = _XID.search(line)
    if xid is not None:
        return _numbered("xid", xid)
    switch = _SXID.search(line)
    if switch is not None:
        return _numbered("sxid", switch)
    if "NVRM" not in line:
        return None
    return parse_line(line, _patterns())


def _numbered(kind: str, found: re.Match[str]) -> DeviceError | None:
    address, code, text = found[1], str(int(found[2])), found[3]
    row, action = _row(kind, code)
    recovery = _RECOVERY.search(text)
    if code == "154" and recovery is not None and recovery[1] == "None":
        return None
    say = action["say"]
    if code == "154" and recovery is not None:
        say = recovery[1]
    return DeviceError(
        kind=kind,
        code=code,
        name=row["name"],
        meaning=row["meaning"],
        action=say,
        again=load()["again"].get(row["again"], ""),
        severity=action["severity"],
        lasting=action.get("lasting", False),
        echo=row.get("echo", False),
        pci=sysfs_address(address),
        pid=_first(_PID, text),
        program=_first(_NAME, text),
    )


def _row(kind: str, code: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    row: Mapping[str, Any] = {"name": "", "meaning": "not documented", "now": "record", "again": "support"}
    if kind == "xid":
        row = _xids().get(code, row)
    return row, load()["actions"][row["now"]]


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if found is None:
        return ""
    return found[1].strip()


@cache
def load() -> dict[str, Any]:
    """NVIDIA's table of numbers and lines, read once."""
    return load_table(TABLE)


@cache
def _xids() -> dict[str, dict[str, Any]]:
    return {str(number): row for row in load()["xid"] for number in row["numbers"]}


@cache
def _patterns() -> tuple[LinePattern, ...]:
    return load_patterns(load()["line"])
