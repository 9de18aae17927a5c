"""What the control groups above a process allow it, of version 1 and 2: read once for the node and for engines."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.errors import AccessError
from keepwell.core.observation import Value
from keepwell.formats.cgroup import (
    UNLIMITED_BYTES,
    controller_folders,
    memory_folders,
    parse_count,
    parse_counters,
    parse_cpu_max,
)
from keepwell.transport.base import Transport


async def read_cgroup(groups: Mapping[str, str], transport: Transport) -> dict[str, Value]:
    """The tightest memory limit, CPU quota and number of processes, with use and events of the group that sets it.

    `groups` is /proc/PID/cgroup, controller to path. What is unlimited or not told is left out.
    """
    found: dict[str, Value] = {"version": 1, "path": groups.get("memory") or groups.get("cpu") or "/"}
    if "memory" not in groups and "cpu" not in groups:
        found = {"version": 2, "path": groups.get("", "/")}
    found |= await _memory(groups, transport)
    found |= await _cpu(groups, transport)
    found |= await _pids(groups, transport)
    return found


async def _memory(groups: Mapping[str, str], transport: Transport) -> dict[str, Value]:
    own: dict[str, Value] = {}
    best = UNLIMITED_BYTES
    for files in memory_folders(groups):
        limit = parse_count(await _text(files.limit, transport))
        used = parse_count(await _text(files.used, transport))
        kills = parse_counters(await _text(files.events, transport)).get("oom_kill")
        told: dict[str, Value] = {}
        if used is not None:
            told["memory_used_bytes"] = used
        if kills is not None:
            told["oom_kills"] = kills
        own = own or told
        if limit is not None and limit < best:
            best = limit
            own = told | {"memory_max_bytes": limit}
    return own


async def _cpu(groups: Mapping[str, str], transport: Transport) -> dict[str, Value]:
    tightest: dict[str, Value] = {}
    best = float("inf")
    for version, folder in controller_folders(groups, "cpu"):
        cores = await _quota(version, folder, transport)
        if cores is None or cores >= best:
            continue
        best = cores
        counters = parse_counters(await _text(f"{folder}/cpu.stat", transport))
        tightest = {"cpu_quota_cores": round(cores, 3)}
        if "nr_periods" in counters:
            seconds = counters.get("throttled_usec", 0) / 1e6 + counters.get("throttled_time", 0) / 1e9
            tightest |= {
                "periods": counters["nr_periods"],
                "throttled_periods": counters.get("nr_throttled", 0),
                "throttled_seconds": round(seconds, 3),
            }
    return tightest


async def _quota(version: int, folder: str, transport: Transport) -> float | None:
    if version == 2:
        return parse_cpu_max(await _text(f"{folder}/cpu.max", transport))
    quota = await _text(f"{folder}/cpu.cfs_quota_us", transport)
    return parse_cpu_max(f"{quota.strip()} {(await _text(f'{folder}/cpu.cfs_period_us', transport)).strip()}")


async def _pids(groups: Mapping[str, str], transport: Transport) -> dict[str, Value]:
    for _, folder in controller_folders(groups, "pids"):
        limit = parse_count(await _text(f"{folder}/pids.max", transport))
        if limit is not None and limit < UNLIMITED_BYTES:
            used = parse_count(await _text(f"{folder}/pids.current", transport))
            return {"pids_max": limit, "pids_used": used or 0}
    return {}


async def _text(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path)).decode("ascii", "replace")
    except AccessError:
        return ""
