"""Limits that an engine's process lives under: open files, address space, and its control group's memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, failed
from keepwell.formats.cgroup import UNLIMITED_BYTES, MemoryFiles, memory_folders, parse_count, parse_counters
from keepwell.formats.procfs import parse_cgroups, parse_kilobytes, parse_limits, parse_status
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport


class EngineLimits:
    """Gives engine.limits. What is unlimited, or not told here, is left out of the mapping."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = ("engine.limits",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; failed when /proc/PID/limits cannot be read."""
        assert place.site is not None
        process = place.site.process
        if isinstance(process, Missing):
            return [place.saw("engine.limits", process, "discovery")]
        source = f"/proc/{process.pid}/limits and its control group"
        try:
            text = (await place.transport.read(f"/proc/{process.pid}/limits")).decode("ascii", "replace")
        except AccessError as error:
            return [place.saw("engine.limits", failed(error), source)]
        found: dict[str, Value] = dict(read_limits(text))
        found |= await _descriptors(place.transport, process.pid)
        found |= await _size(place.transport, process.pid)
        found |= await _memory(place.transport, process.pid)
        return [place.saw("engine.limits", found, source)]


#: Rows of /proc/PID/limits, and the names of their soft and hard limit in the observation.
_ROWS = {
    "Max open files": ("open_files_soft", "open_files_hard"),
    "Max address space": ("address_space_bytes", "address_space_hard_bytes"),
    "Max data size": ("data_bytes", "data_hard_bytes"),
    "Max locked memory": ("locked_bytes", "locked_hard_bytes"),
    "Max processes": ("processes_soft", "processes_hard"),
}


def read_limits(text: str) -> dict[str, int]:
    """/proc/PID/limits as fields of engine.limits, without those that are unlimited."""
    limits = parse_limits(text)
    found: dict[str, int] = {}
    for row, names in _ROWS.items():
        for name, value in zip(names, limits.get(row, ()), strict=False):
            if value.isdecimal():
                found[name] = int(value)
    return found


async def _descriptors(transport: Transport, pid: int) -> dict[str, Value]:
    try:
        return {"open_files_used": len(await transport.list(f"/proc/{pid}/fd"))}
    except AccessError:
        return {}  # another user's process hides them; the limit alone still tells


async def _size(transport: Transport, pid: int) -> dict[str, Value]:
    try:
        status = parse_status((await transport.read(f"/proc/{pid}/status")).decode("utf-8", "replace"))
        return {"address_space_used_bytes": parse_kilobytes(status["VmSize"])}
    except (AccessError, ValueError, KeyError):
        return {}  # a zombie has no memory any more


async def _memory(transport: Transport, pid: int) -> dict[str, Value]:
    """Limit, use and kills of the nearest group that has a limit; of the process's own group when none has."""
    try:
        groups = parse_cgroups((await transport.read(f"/proc/{pid}/cgroup")).decode("utf-8", "replace"))
    except AccessError:
        return {}
    first: dict[str, Value] = {}
    for folder in memory_folders(groups):
        found = await _read_group(transport, folder)
        if "memory_max_bytes" in found:
            return found
        first = first or found
    return first


async def _read_group(transport: Transport, files: MemoryFiles) -> dict[str, Value]:
    limit = parse_count(await _text(transport, files.limit))
    if limit is None:
        return {}
    found: dict[str, Value] = {"cgroup": files.folder, "cgroup_version": files.version}
    if limit < UNLIMITED_BYTES:
        found["memory_max_bytes"] = limit
    used = parse_count(await _text(transport, files.used))
    if used is not None:
        found["memory_used_bytes"] = used
    peak = parse_count(await _text(transport, files.peak))
    if peak is not None:
        found["memory_peak_bytes"] = peak
    counters: Mapping[str, int] = parse_counters(await _text(transport, files.events))
    if "oom_kill" in counters:
        found["oom_kills"] = counters["oom_kill"]
    return found


async def _text(transport: Transport, path: str) -> str:
    try:
        return (await transport.read(path)).decode("ascii", "replace")
    except AccessError:
        return ""


PROBE = EngineLimits()
