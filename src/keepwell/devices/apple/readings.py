"""What macOS tools print about the GPU, parsed."""

from __future__ import annotations

import json
import re

from keepwell.core.observation import Missing, Value, failed
from keepwell.formats.number import find_whole

GIBIBYTE = 1024**3
#: What Metal recommends as largest working set when `iogpu.wired_limit_mb` is 0: about two thirds of the memory
#: up to 36 GiB, three quarters above (as llama.cpp's `recommendedMaxWorkingSetSize` lines on such machines show).
SMALL_BYTES = 36 * GIBIBYTE

_STATISTICS = re.compile(r'"PerformanceStatistics" = \{([^}]*)\}')
_ENTRY = re.compile(r'"([^"]+)"=(\d+)')


def parse_displays(text: str) -> tuple[str, ...]:
    """`system_profiler SPDisplaysDataType -json`: names of the GPUs; () if it is no such answer."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return ()
    rows = None
    if isinstance(found, dict):
        rows = found.get("SPDisplaysDataType")
    if not isinstance(rows, list):
        return ()
    names = (row.get("sppci_model") or row.get("_name") for row in rows if isinstance(row, dict))
    return tuple(str(name) for name in names if name)


def parse_statistics(text: str) -> dict[str, Value]:
    """`ioreg -c IOAccelerator`: memory in use and load of the first accelerator; {} if it shows none."""
    found = _STATISTICS.search(text)
    if found is None:
        return {}
    entries = {name: int(number) for name, number in _ENTRY.findall(found[1]) if len(number) < 20}
    values: dict[str, Value] = {}
    if "In use system memory" in entries:
        values["device.memory_used_bytes"] = entries["In use system memory"]
    if "Device Utilization %" in entries:
        values["device.utilisation_ratio"] = entries["Device Utilization %"] / 100
    return values


def working_set_bytes(memory: str, limit_megabytes: str) -> int | Missing:
    """Memory that the GPU may take: the limit that was set, else Metal's share of the installed memory."""
    limit, total = find_whole(limit_megabytes), find_whole(memory)
    if limit:
        return limit * 1024 * 1024
    if total is None:
        return failed("sysctl did not tell the installed memory")
    if total <= SMALL_BYTES:
        return total * 2 // 3
    return total * 3 // 4
