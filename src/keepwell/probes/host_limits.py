"""System-wide limits: inotify, open files, processes, memory maps; and how many inotify instances are in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, absent
from keepwell.formats.number import find_whole
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: File of each limit below /proc/sys, and its name in the observation.
FILES = {
    "fs/inotify/max_user_instances": "inotify_instances",
    "fs/inotify/max_user_watches": "inotify_watches",
    "fs/inotify/max_queued_events": "inotify_queue",
    "kernel/pid_max": "pids_max",
    "kernel/threads-max": "threads_max",
    "vm/max_map_count": "map_count_max",
}
#: Every inotify instance is a file descriptor; prints the number of its owner. Folders that hold none are left
#: out, so that it takes some ten milliseconds on a machine with a hundred processes.
PRUNED = ("task", "net", "map_files", "fdinfo", "ns", "attr", "sys", "irq")
FIND = (
    "find",
    "/proc",
    "-maxdepth",
    "3",
    "-type",
    "d",
    "(",
    *[word for name in PRUNED for word in ("-name", name, "-o")][:-1],
    ")",
    "-prune",
    "-o",
    "-lname",
    "anon_inode:inotify",
    "-printf",
    "%U\\n",
)
#: On a machine with many thousand processes it is not worth more.
FIND_SECONDS = 1.5


class HostLimits:
    """Gives host.limits; absent where there is no /proc/sys."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("host.limits",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; what is not told is left out of the mapping."""
        found: dict[str, Value] = {}
        for path, name in FILES.items():
            number = find_whole(await _text(f"/proc/sys/{path}", place.transport))
            if number is not None:
                found[name] = number
        found |= parse_file_numbers(await _text("/proc/sys/fs/file-nr", place.transport))
        if not found:
            return [place.saw("host.limits", absent("this system has no /proc/sys"), "/proc/sys")]
        used = await _inotify_used(place.transport)
        if used:
            found["inotify_instances_used"] = used
        return [place.saw("host.limits", found, "/proc/sys")]


def parse_file_numbers(text: str) -> dict[str, Value]:
    """/proc/sys/fs/file-nr: files in use, files free (always 0), the most there may be."""
    numbers = [find_whole(word) for word in text.split()]
    if len(numbers) != 3 or numbers[0] is None or numbers[2] is None:
        return {}
    return {"open_files_used": numbers[0], "open_files_max": numbers[2]}


def count_owners(text: str) -> Mapping[str, Value]:
    """Numbers of users, one a line: how often each stands there."""
    return dict(Counter(line.strip() for line in text.splitlines() if line.strip().isdecimal()))


async def _inotify_used(transport: Transport) -> Mapping[str, Value]:
    try:
        # `find` ends with 1 when a process vanished or may not be looked into; what it printed still counts.
        return count_owners((await transport.run(FIND, timeout_seconds=FIND_SECONDS)).text)
    except AccessError:
        return {}


async def _text(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path)).decode("ascii", "replace")
    except AccessError:
        return ""


PROBE = HostLimits()
