"""What the processes of one session use, and how they are reached. By /proc; which process is which tells
`keepwell.turns.living`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from keepwell.core.job import ProcessId
from keepwell.turns.living import Living as Living
from keepwell.turns.living import find_living, get_boot
from keepwell.turns.living import identify as identify
from keepwell.turns.living import is_living as is_living
from keepwell.turns.living import parse_living as parse_living

#: The name of the variable by which a job's processes are known, also those that left its session.
MARK_VARIABLE = "KEEPWELL_JOB"
#: Bytes of /proc/PID/environ that are searched for the mark: it is put first, so the beginning is enough.
ENVIRON_BYTES = 64 * 1024


class Used(NamedTuple):
    """What several processes use together."""

    processes: int
    memory_bytes: int
    cpu_seconds: float


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
