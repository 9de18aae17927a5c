"""The host's memory as a device sees it that has none of its own."""

from __future__ import annotations

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed
from keepwell.formats.memory import parse_meminfo
from keepwell.plugins.collector import Sight

MEMINFO = "/proc/meminfo"


def read_host_memory(sight: Sight) -> tuple[float | Missing, float | Missing]:
    """All of it, and what of it cannot be had without swapping; bytes."""
    try:
        found = parse_meminfo(sight.read(MEMINFO).decode("utf-8", "replace"))
    except AccessError as error:
        return failed(error), failed(error)
    if "MemTotal" not in found or "MemAvailable" not in found:
        why = failed(f"{MEMINFO} does not tell")
        return why, why
    return float(found["MemTotal"]), float(found["MemTotal"] - found["MemAvailable"])
