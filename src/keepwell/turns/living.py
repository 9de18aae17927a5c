"""Processes told apart from those that have their number later. By /proc, and the standard library alone."""

from __future__ import annotations

import os
from typing import NamedTuple

from keepwell.core.job import ProcessId

#: Characters of a program's name that are told.
NAME_CHARACTERS = 15
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Living(NamedTuple):
    """One process now: `started` in ticks since boot, `session` and `parent` as numbers, what it uses."""

    pid: int
    name: str
    state: str
    parent: int
    session: int
    started: int
    cpu_seconds: float
    memory_bytes: int


def get_boot() -> str:
    """The id of this boot; "" where the kernel does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def parse_living(content: bytes) -> Living:
    """/proc/PID/stat of a process. Raises ValueError for anything else."""
    head, bracket, tail = content.rpartition(b")")
    pid, opening, name = head.partition(b"(")
    words = tail.split(None, 23)
    if not bracket or not opening or len(words) < 22:
        raise ValueError("not a line of /proc/PID/stat")
    return Living(
        pid=int(pid),
        name=name.decode("utf-8", "replace")[:NAME_CHARACTERS],
        state=words[0].decode("ascii", "replace"),
        parent=int(words[1]),
        session=int(words[3]),
        started=int(words[19]),
        cpu_seconds=(int(words[11]) + int(words[12])) / TICKS_PER_SECOND,
        memory_bytes=max(0, int(words[21])) * PAGE_BYTES,
    )


def find_living(pid: int) -> Living | None:
    """The process of this number; None if there is none, or only what is left of one (a zombie)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            found = parse_living(file.read(4096))
    except (OSError, ValueError):
        return None
    if found.state in "ZX":
        return None
    return found


def identify(pid: int) -> ProcessId | None:
    """Which process this is now, None if it is gone."""
    found = find_living(pid)
    if found is None:
        return None
    return ProcessId(pid, found.started, get_boot())


def is_living(one: ProcessId | None) -> bool:
    """True while this very process runs."""
    if one is None or one.boot != get_boot():
        return False
    found = find_living(one.pid)
    return found is not None and found.started == one.started
