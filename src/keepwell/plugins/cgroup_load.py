"""What a control group tells again and again, of version 2 and 1, in one shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, absent, failed
from keepwell.formats.cgroup import ROOT_V2, UNLIMITED_BYTES, parse_count, parse_counters, parse_cpu_max
from keepwell.plugins.collector import Sight

#: What is told of a group, by name.
Told = dict[str, "float | Missing"]
MICRO, NANO = 1e6, 1e9
RESOURCES = ("cpu", "memory", "io")

_IO = re.compile(r"\b(rbytes|wbytes)=(\d+)")
_SOME = re.compile(r"^some avg10=([\d.]+)", re.MULTILINE)
_UNLIMITED = absent("it has no limit")
_NOT_TOLD = absent("this kernel does not tell it of this group")
_OLD = absent("control groups of version 1 do not tell it")


def is_version_2(sight: Sight) -> bool:
    """True where all controllers are in the one hierarchy. Where neither can be told it is taken for version 2."""
    try:
        sight.read(f"{ROOT_V2}/cgroup.controllers")
    except NotThere:
        return False
    except AccessError:
        return True
    return True


def read_group_2(path: str, sight: Sight) -> Told:
    """A group of version 2 by its path below the root. Raises AccessError where it is gone."""
    folder = f"{ROOT_V2}/{path}".rstrip("/")
    cpu = parse_counters(_text(sight, f"{folder}/cpu.stat"))
    told: Told = {
        "cpu_seconds_total": _scaled(cpu, "usage_usec", MICRO),
        "throttled_seconds_total": _scaled(cpu, "throttled_usec", MICRO),
        "cores": _cores(_try(sight, f"{folder}/cpu.max")),
        "memory_limit_bytes": _limit(_try(sight, f"{folder}/memory.max")),
        "memory_bytes": _number(_try(sight, f"{folder}/memory.current")),
        "swap_bytes": _number(_try(sight, f"{folder}/memory.swap.current")),
        "processes": _number(_try(sight, f"{folder}/pids.current")),
        "oom_kills_total": _counter(_try(sight, f"{folder}/memory.events"), "oom_kill"),
    }
    told["memory_working_bytes"] = _working(
        told["memory_bytes"], _counter(_try(sight, f"{folder}/memory.stat"), "inactive_file")
    )
    disks = _try(sight, f"{folder}/io.stat")
    for name, word in (("read_bytes_total", "rbytes"), ("written_bytes_total", "wbytes")):
        told[name] = _carried(disks, word)
    for resource in RESOURCES:
        told[f"pressure_{resource}"] = _pressure(_try(sight, f"{folder}/{resource}.pressure"))
    return told


def read_group_1(path: str, sight: Sight) -> Told:
    """A group of version 1 by its path, which is the same below each controller. Raises AccessError."""

    def text(controller: str, name: str) -> str | Missing:
        return _try(sight, f"{ROOT_V2}/{controller}/{path}".rstrip("/") + f"/{name}")

    memory = _number(text("memory", "memory.usage_in_bytes"))
    cpu = _number(text("cpuacct", "cpuacct.usage"))
    if isinstance(memory, Missing) and isinstance(cpu, Missing):
        raise NotThere("no such control group", where=path)
    if not isinstance(cpu, Missing):
        cpu /= NANO
    throttled = _counter(text("cpu", "cpu.stat"), "throttled_time")
    if not isinstance(throttled, Missing):
        throttled /= NANO
    told: Told = {
        "cpu_seconds_total": cpu,
        "throttled_seconds_total": throttled,
        "cores": _cores_1(text("cpu", "cpu.cfs_quota_us"), text("cpu", "cpu.cfs_period_us")),
        "memory_limit_bytes": _limit(text("memory", "memory.limit_in_bytes")),
        "memory_bytes": memory,
        "memory_working_bytes": _working(memory, _counter(text("memory", "memory.stat"), "total_inactive_file")),
        "swap_bytes": _counter(text("memory", "memory.stat"), "total_swap"),
        "processes": _number(text("pids", "pids.current")),
        "oom_kills_total": _counter(text("memory", "memory.oom_control"), "oom_kill"),
        "read_bytes_total": _OLD,
        "written_bytes_total": _OLD,
    }
    return told | {f"pressure_{resource}": _OLD for resource in RESOURCES}


#: How a group is read, by whether it is of version 2.
READERS: Mapping[bool, Callable[[str, Sight], Told]] = {True: read_group_2, False: read_group_1}


def _text(sight: Sight, path: str) -> str:
    return sight.read(path).decode("ascii", "replace")


def _try(sight: Sight, path: str) -> str | Missing:
    try:
        return _text(sight, path)
    except NotThere:
        return _NOT_TOLD
    except AccessError as error:
        return failed(error)


def _number(text: str | Missing) -> float | Missing:
    if isinstance(text, Missing):
        return text
    count = parse_count(text)
    if count is None:
        return _NOT_TOLD
    return count


def _limit(text: str | Missing) -> float | Missing:
    count = _number(text)
    if not isinstance(count, Missing) and count >= UNLIMITED_BYTES:
        return _UNLIMITED
    return count


def _counter(text: str | Missing, name: str) -> float | Missing:
    if isinstance(text, Missing):
        return text
    return _scaled(parse_counters(text), name, 1)


def _scaled(counters: Mapping[str, int], name: str, worth: float) -> float | Missing:
    if name not in counters:
        return _NOT_TOLD
    return counters[name] / worth


def _working(memory: float | Missing, idle: float | Missing) -> float | Missing:
    if isinstance(memory, Missing):
        return memory
    if isinstance(idle, Missing):
        return idle
    return max(0, memory - idle)


def _cores(text: str | Missing) -> float | Missing:
    if isinstance(text, Missing):
        return text
    cores = parse_cpu_max(text)
    if cores is None:
        return _UNLIMITED
    return cores


def _cores_1(quota: str | Missing, period: str | Missing) -> float | Missing:
    if isinstance(quota, Missing):
        return quota
    if isinstance(period, Missing):
        return period
    return _cores(f"{quota.strip()} {period.strip()}")


def _carried(text: str | Missing, word: str) -> float | Missing:
    if isinstance(text, Missing):
        return text
    return sum(int(value) for name, value in _IO.findall(text) if name == word)


def _pressure(text: str | Missing) -> float | Missing:
    if isinstance(text, Missing):
        return text
    found = _SOME.search(text)
    if found is None:
        return _NOT_TOLD
    return float(found[1]) / 100
