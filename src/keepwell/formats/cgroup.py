"""Control groups of version 1 and 2: where the memory controller's files of a process lie, and their contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keepwell.formats.number import find_whole

#: Version 1 writes LONG_MAX rounded down to a page for "no limit"; nothing this large is a limit.
UNLIMITED_BYTES = 2**62
#: Where systemd and container run-times mount the hierarchies (file-hierarchy(7), cgroups(7)).
ROOT_V2 = "/sys/fs/cgroup"
ROOT_V1_MEMORY = "/sys/fs/cgroup/memory"
#: Groups above a process that are looked at; a pod in a container in a slice is about eight deep.
DEPTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFiles:
    """The files that tell a group's memory limit, use, highest use so far, and events."""

    folder: str
    version: int
    limit: str
    used: str
    peak: str
    events: str


def memory_folders(groups: Mapping[str, str]) -> Iterator[MemoryFiles]:
    """The groups that limit a process's memory, innermost first, then the mount itself.

    `groups` is /proc/PID/cgroup, controller to path. Version 1 counts where it has the memory controller, as
    on machines with both. Inside a container the path may not exist below the mount; the mount itself then
    is the process's own group.
    """
    if "memory" in groups:
        for folder in _upwards(ROOT_V1_MEMORY, groups["memory"]):
            yield MemoryFiles(
                folder=folder,
                version=1,
                limit=f"{folder}/memory.limit_in_bytes",
                used=f"{folder}/memory.usage_in_bytes",
                peak=f"{folder}/memory.max_usage_in_bytes",
                events=f"{folder}/memory.oom_control",
            )
    elif "" in groups:
        for folder in _upwards(ROOT_V2, groups[""]):
            yield MemoryFiles(
                folder=folder,
                version=2,
                limit=f"{folder}/memory.max",
                used=f"{folder}/memory.current",
                peak=f"{folder}/memory.peak",
                events=f"{folder}/memory.events",
            )


def controller_folders(groups: Mapping[str, str], controller: str) -> Iterator[tuple[int, str]]:
    """Version and folder of each group above a process that this controller ("cpu", "pids") rules, innermost first."""
    if controller in groups:
        yield from ((1, folder) for folder in _upwards(f"{ROOT_V2}/{controller}", groups[controller]))
    elif "" in groups:
        yield from ((2, folder) for folder in _upwards(ROOT_V2, groups[""]))


def parse_cpu_max(text: str) -> float | None:
    """`cpu.max` of version 2 ("50000 100000") as cores; None for "max" or anything else."""
    numbers = [find_whole(word) for word in text.split()]
    if len(numbers) != 2 or numbers[0] is None or not numbers[1]:
        return None
    return numbers[0] / numbers[1]


def _upwards(root: str, path: str) -> Iterator[str]:
    pieces = [piece for piece in path.split("/") if piece not in ("", ".", "..")][:DEPTH]
    for length in range(len(pieces), -1, -1):
        yield "/".join([root, *pieces[:length]])


def parse_count(text: str) -> int | None:
    """A file with one number, or "max" for no limit (then UNLIMITED_BYTES); None for anything else."""
    word = text.strip()
    if word == "max":
        return UNLIMITED_BYTES
    if word.isdecimal() and word.isascii():
        return int(word)
    return None


def parse_counters(text: str) -> dict[str, int]:
    """A file with a name and a number a line (memory.events, memory.oom_control, cpu.stat); others left out."""
    lines = (line.split() for line in text.splitlines())
    pairs = (line for line in lines if len(line) == 2 and line[1].isdecimal())
    return {name: int(value) for name, value in pairs}
