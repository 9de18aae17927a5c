"""Memory as the kernel counts it: /proc/meminfo and pressure stall information."""

from __future__ import annotations

import re

_FIELD = re.compile(r"^([A-Za-z0-9_()]+):\s+(\d{1,18})(?: kB)?\s*$")
_PRESSURE = re.compile(r"^(some|full) avg10=(\d{1,4}\.\d{1,4}) avg60=(\d{1,4}\.\d{1,4})")


def parse_meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes by field name; lines of another shape are left out."""
    found = (_FIELD.match(line) for line in text.splitlines())
    return {one[1]: int(one[2]) * 1024 for one in found if one is not None}


def parse_pressure(text: str) -> dict[str, float]:
    """/proc/pressure/*: shares of the time (0..1) in which some or all tasks waited, over 10 and 60 s."""
    ratios: dict[str, float] = {}
    for line in text.splitlines():
        found = _PRESSURE.match(line)
        if found is not None:
            ratios[f"{found[1]}_10_ratio"] = round(float(found[2]) / 100, 4)
            ratios[f"{found[1]}_60_ratio"] = round(float(found[3]) / 100, 4)
    return ratios
