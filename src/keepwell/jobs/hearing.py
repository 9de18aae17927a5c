"""What a supervisor hears: its program's output, and signals. Both are descriptors that can be waited for."""

from __future__ import annotations

import fcntl
import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

#: Bytes that one read of the pipe takes, and that the pipe holds while no supervisor reads it (1 MiB is what Linux
#: allows to everybody).
READ_BYTES = 256 * 1024
PIPE_BYTES = 1024 * 1024
#: Reads that empty a pipe whatever its writer does meanwhile.
LAST_READS = PIPE_BYTES // 4096
#: Signals that matter to a supervisor. HUP is heard and means nothing: the terminal may go.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP)


class Heard(NamedTuple):
    """Of one wait: what the program said, if an end was asked for, if some child ended."""

    output: bytes
    end: bool
    child: bool


class Ear:
    """The pipe is a name in the job's folder, open for reading and writing at both ends: a program neither dies nor
    loses a line when its supervisor is killed, it waits once the pipe is full, until the next one reads on.
    """

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self._path = path
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        with suppress(AttributeError, OSError):
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._wake, writing = os.pipe()
        for one in (self._wake, writing):
            os.set_blocking(one, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, _note)

    def open_mouth(self) -> int:
        """A descriptor for the program's output, to be closed once the program has it."""
        return os.open(self._path, os.O_RDWR | os.O_CLOEXEC)

    def wait(self, seconds: float) -> Heard:
        """Until something is heard, or this time is over."""
        ready, _, _ = select.select([self._pipe, self._wake], [], [], max(0.0, seconds))
        output, numbers = b"", b""
        if self._pipe in ready:
            output = self._read()
        if self._wake in ready:
            numbers = os.read(self._wake, 4096)
        end = signal.SIGTERM in numbers or signal.SIGINT in numbers
        return Heard(output, end, signal.SIGCHLD in numbers)

    def drain(self) -> list[bytes]:
        """What is left in the pipe."""
        found: list[bytes] = []
        while len(found) < LAST_READS and select.select([self._pipe], [], [], 0)[0]:
            found.append(self._read())
        return found

    def _read(self) -> bytes:
        try:
            return os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return b""


def _note(number: int, frame: object) -> None:
    """Heard by the descriptor. A handler, not SIG_IGN: that one would pass on to the program."""
