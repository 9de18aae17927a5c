"""Processes told apart from those that have their number later, and what those of one session use. By /proc."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from keepwell.core.job import ProcessId

#: The name of the variable by which a job's processes are known, also those that left its session.
MARK_VARIABLE = "KEEPWELL_JOB"
#: Bytes of /proc/PID/environ that are searched for the mark: it is put first, so the beginning is enough.
ENVIRON_BYTES = 64 * 1024
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


class Used(NamedTuple):
    """What several processes use together."""

    processes: int
    memory_bytes: int
    cpu_seconds: float


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


def list_session(session: int) -> list[Living]:
    """All processes of a session. Costs a read for each process of the machine: some 10 ms for 500."""
    return [one for one in list_living() if one.session == session]


def list_living() -> Iterator[Living]:
    """Every process of the machine that may be seen."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            found = find_living(int(name))
            if found is not None:
                yield found


def list_marked(mark: str) -> list[Living]:
    """Processes whose environment has this mark, as far as it may be read."""
    wanted = f"{MARK_VARIABLE}={mark}\0".encode()
    return [one for one in list_living() if wanted in _read_environ(one.pid)]


def add_up(processes: list[Living]) -> Used:
    """Together. Memory that they share is counted once for each of them."""
    memory = sum(one.memory_bytes for one in processes)
    return Used(len(processes), memory, sum(one.cpu_seconds for one in processes))


def send(one: ProcessId, number: int) -> bool:
    """Send a signal to this very process; False if it is gone. By a descriptor of it where the kernel has such."""
    try:
        descriptor = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError):
        if is_living(one):
            os.kill(one.pid, number)
            return True
        return False
    try:
        if not is_living(one):  # looked at after the descriptor was open: it cannot be another one's any more
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def list_group(leader: ProcessId) -> list[Living]:
    """What lives of the session that this process led, itself included. It may be gone: its number is given to nobody
    as long as its session has members.
    """
    found = find_living(leader.pid)
    if leader.boot != get_boot() or (found is not None and found.started != leader.started):
        return []
    return list_session(leader.pid)


def send_group(leader: ProcessId, number: int) -> None:
    """Send a signal to all of the session that this process led; one that is stopped goes on, so that it can end."""
    for one in list_group(leader):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one.pid, number)
            os.kill(one.pid, signal.SIGCONT)


def _read_environ(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read(ENVIRON_BYTES)
    except OSError:
        return b""
