"""The output of a batch: lines are added at an offset that the journal knows; what stands behind it was never there."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from keepwell.core.errors import AccessError, DamagedError, RefusedError

_ANEW = "put it back as it was, or begin again with --anew"


class BatchOutput:
    """One file that grows; nobody else can write to it meanwhile, whatever state folder they have. `size` is that of
    its whole lines.
    """

    def __init__(self, path: Path, size: int) -> None:
        """It is made if it is to be empty; a torn tail is cut. Raises AccessError, RefusedError while another run
        writes to it, DamagedError where lines are gone.
        """
        self.path = path
        self.size = size
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._error(error) from error
        try:
            self._take()
        except OSError as error:
            self.close()
            raise self._error(error) from error
        except (DamagedError, RefusedError, AccessError):
            self.close()
            raise

    def add(self, lines: bytes) -> None:
        """Add whole lines; they are safe after `sync` alone. Raises AccessError, then nothing was added."""
        rest, at = memoryview(lines), self.size
        try:
            while rest:
                wrote = os.pwrite(self._descriptor, rest, at)
                rest, at = rest[wrote:], at + wrote
        except OSError as error:
            raise self._error(error) from error
        self.size = at

    def sync(self) -> None:
        """What was added is safe when this returns. Raises AccessError."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _take(self) -> None:
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise RefusedError("an output has to be a file: its end is cut when a run died", where=str(self.path))
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError("another run writes to this output", where=str(self.path)) from error
        if found.st_size < self.size:
            told = f"lines that were written to it are gone: it has {found.st_size} bytes, and had {self.size}"
            raise DamagedError(told, where=str(self.path), hint=_ANEW)
        os.ftruncate(self._descriptor, self.size)

    def _error(self, error: OSError) -> AccessError:
        words = error.strerror or str(error)
        return AccessError(f"the output: {words}", where=str(self.path), hint="make room, then the same command")
