"""Programs that a collector asks: started at one look, heard at a later one, so that no look ever waits for them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO, NamedTuple

from keepwell.core.observation import Missing, absent, failed

#: Bytes of a program's answer that are read.
ANSWER_BYTES = 512 * 1024
#: Where administrators' programs are that an ordinary user's PATH does not hold.
FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")


class Said(NamedTuple):
    """What a program answered: its exit code, and the beginning of what it wrote to each output."""

    code: int
    stdout: bytes
    stderr: bytes


class Aside:
    """One program at a time. One that takes longer than `seconds` is killed; while a killed one is still there (it
    waits for a broken disk), no other is started.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._open = contextlib.ExitStack()
        self._files: tuple[IO[bytes], ...] = ()
        self._deadline = 0.0
        self._killed = False

    @property
    def busy(self) -> bool:
        """True from a start until its answer was fetched."""
        return self._process is not None

    def start(self, argv: Sequence[str], clock: float) -> Missing | None:
        """Start a program, found by PATH and in FOLDERS; why it could not be. To be called while not `busy`."""
        program = shutil.which(argv[0]) or shutil.which(argv[0], path=os.pathsep.join(FOLDERS))
        if program is None:
            return absent(f"{argv[0]} is not installed")
        self._files = (self._blank_file(), self._blank_file())
        try:
            self._process = subprocess.Popen(
                [program, *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=self._files[0],
                stderr=self._files[1],
                env=os.environ | {"LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError as error:
            self._forget()
            return failed(f"{argv[0]} could not be started: {error.strerror}")
        self._deadline, self._killed = clock + self._seconds, False
        return None

    def answer(self, clock: float) -> Said | Missing | None:
        """What it said, why there is no answer, or None while it runs."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            if clock >= self._deadline and not self._killed:
                self._kill()
            return None
        said = Said(code, *(_beginning(file) for file in self._files))
        self._forget()
        if self._killed:
            return failed(f"not done within {self._seconds:g} s, ended")
        return said

    def close(self) -> None:
        """End what runs."""
        if self._process is not None:
            self._kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        self._forget()

    def _kill(self) -> None:
        self._killed = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _blank_file(self) -> IO[bytes]:
        return self._open.enter_context(tempfile.TemporaryFile())

    def _forget(self) -> None:
        self._open.close()
        self._process, self._files = None, ()


def _beginning(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(ANSWER_BYTES)
