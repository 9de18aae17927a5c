"""What an engine's processes did on the processor between two looks: read from /proc, compared purely."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keepwell.core.errors import AccessError
from keepwell.core.observation import Value
from keepwell.core.values import find_number
from keepwell.formats.effort import ThreadTime, count_cpus, parse_children, parse_schedstat
from keepwell.formats.procfs import parse_cgroups, parse_status
from keepwell.plugins.cgroups import read_cgroup
from keepwell.transport.base import Transport

#: Share of the time in which a thread ran or wanted to, from which it counts as computing. Threads that wait for
#: work or for the network stay below 5 %; a worker that waits in a spin for the others is near 100 %.
BUSY_RATIO = 0.25
#: Share of the busiest thread's running time that it must have run itself: on a busy machine a thread that has next to
#: nothing to do waits long for its turn too.
EQUAL_RATIO = 0.1
#: Processes and threads that are read; a vLLM with 8 GPUs has some 600 threads, few of which compute.
MAX_PROCESSES = 64
MAX_THREADS = 512
#: Generations of children below a server; a runner is a child or a grandchild.
DEPTH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """One look: each thread's time by (pid, tid), cores that the processes may use, the control group's counters."""

    threads: Mapping[tuple[int, int], ThreadTime] = field(default_factory=dict)
    cores_allowed: int = 0
    group: Mapping[str, Value] = field(default_factory=dict)


async def read_effort(transport: Transport, pid: int) -> Effort:
    """Look at a process and all below it. What cannot be read is left out; costs two reads a thread."""
    pids = await find_family(transport, pid)
    lists = await asyncio.gather(*(_times(transport, one) for one in pids))
    threads = {key: time for times in lists for key, time in times.items()}
    cores = [one for one in await asyncio.gather(*(_cores(transport, one) for one in pids)) if one]
    return Effort(threads=threads, cores_allowed=min(cores, default=0), group=await _group(transport, pid))


def compare_effort(before: Effort, after: Effort, seconds: float) -> dict[str, Value]:
    """engine.effort between two looks; {} when the kernel told of no thread. A thread that began meanwhile counts
    with all its time.
    """
    if not after.threads or seconds <= 0:
        return {}
    none = ThreadTime(ran_seconds=0.0, waited_seconds=0.0)
    ran = {key: one.ran_seconds - before.threads.get(key, none).ran_seconds for key, one in after.threads.items()}
    waited = {
        key: one.waited_seconds - before.threads.get(key, none).waited_seconds for key, one in after.threads.items()
    }
    least = EQUAL_RATIO * max(ran.values())
    busy = [key for key in ran if ran[key] >= least and ran[key] + waited[key] >= BUSY_RATIO * seconds]
    found: dict[str, Value] = {
        "seconds": round(seconds, 3),
        "threads": len(after.threads),
        "busy_threads": len(busy),
        "cpu_seconds": round(max(0.0, sum(ran.values())), 3),
        "waited_seconds": round(max(0.0, sum(waited[key] for key in busy)), 3),
    }
    if after.cores_allowed:
        found["cores_allowed"] = after.cores_allowed
    for name in ("periods", "throttled_periods", "throttled_seconds"):
        old, new = find_number(before.group.get(name)), find_number(after.group.get(name))
        if old is not None and new is not None:
            found[name] = round(new - old, 3)
    return found


async def find_family(transport: Transport, pid: int) -> tuple[int, ...]:
    """The process and those below it, as the kernel lists children now; the process alone where it does not."""
    found = [pid]
    layer = [pid]
    for _ in range(DEPTH):
        lists = await asyncio.gather(*(_children(transport, one) for one in layer))
        layer = [child for children in lists for child in children if child not in found]
        found += layer
    return tuple(found[:MAX_PROCESSES])


async def _children(transport: Transport, pid: int) -> tuple[int, ...]:
    try:
        tasks = await transport.list(f"/proc/{pid}/task")
    except AccessError:
        return ()
    texts = await _read_all(transport, [f"/proc/{pid}/task/{one}/children" for one in tasks[:MAX_THREADS]])
    return tuple(child for text in texts.values() for child in parse_children(text))


async def _times(transport: Transport, pid: int) -> dict[tuple[int, int], ThreadTime]:
    try:
        tasks = await transport.list(f"/proc/{pid}/task")
    except AccessError:
        return {}
    paths = {f"/proc/{pid}/task/{one}/schedstat": int(one) for one in tasks[:MAX_THREADS] if one.isdecimal()}
    found: dict[tuple[int, int], ThreadTime] = {}
    for path, text in (await _read_all(transport, paths)).items():
        try:
            found[pid, paths[path]] = parse_schedstat(text)
        except ValueError:
            continue  # a kernel without CONFIG_SCHED_INFO writes zeros or nothing
    return found


async def _cores(transport: Transport, pid: int) -> int:
    texts = await _read_all(transport, [f"/proc/{pid}/status"])
    try:
        return count_cpus(parse_status("".join(texts.values()))["Cpus_allowed_list"])
    except (KeyError, ValueError):
        return 0


async def _group(transport: Transport, pid: int) -> Mapping[str, Value]:
    texts = await _read_all(transport, [f"/proc/{pid}/cgroup"])
    if not texts:
        return {}
    return await read_cgroup(parse_cgroups("".join(texts.values())), transport)


async def _read_all(transport: Transport, paths: Iterable[str]) -> dict[str, str]:
    """The texts of those files that can be read, by path."""

    async def one(path: str) -> tuple[str, str | None]:
        try:
            return path, (await transport.read(path)).decode("utf-8", "replace")
        except AccessError:
            return path, None

    answers = await asyncio.gather(*(one(path) for path in paths))
    return {path: text for path, text in answers if text is not None}
