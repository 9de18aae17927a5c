"""A file of results, a line of JSON each, that holds exactly one for each key whatever dies whenever."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from keepwell.core.errors import AccessError, DamagedError, KeepwellError, RefusedError

#: Seconds between two flushes to the disk itself: kill -9 loses nothing, a loss of power the results of this time.
FLUSH_SECONDS = 1.0


class Results:
    """The open file; nobody else can open it so meanwhile. `keys` are those of what is done.

    A last line without its end, as a crash leaves it, is cut off. Raises RefusedError while another program has it,
    DamagedError where another line is no result, AccessError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: set[str] = set()
        self._flushed_at = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise AccessError(f"the results cannot be kept: {error.strerror}", where=str(path)) from error
        try:
            self._take()
        except (OSError, KeepwellError):
            self.close()
            raise

    def add(self, key: str, row: dict[str, Any]) -> None:
        """One more, there whole or not at all when this returns or raises. TypeError for what has no JSON form."""
        content = json.dumps({"key": key, **row}).encode("ascii") + b"\n"
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            os.ftruncate(self._descriptor, end)
            hint = "make room; what is done is kept, run the program again"
            raise AccessError(f"a result cannot be kept: {error.strerror}", where=str(self.path), hint=hint) from error
        self.keys.add(key)
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Make durable what is there, also through a loss of power."""
        os.fsync(self._descriptor)
        self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Flush and let go; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _take(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise AccessError("this is no regular file", where=str(self.path))
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError("another program works on these results", where=str(self.path)) from error
        end = 0
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                self.keys.add(self._read_key(line, number))
                end += len(line)
        os.ftruncate(self._descriptor, end)

    def _read_key(self, line: bytes, number: int) -> str:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        key = None
        if isinstance(row, dict):
            key = row.get("key")
        if not isinstance(key, str):
            hint = "name another file, or mend this line"
            raise DamagedError("this line is no result", where=f"{self.path}:{number}", hint=hint)
        if key in self.keys:
            raise DamagedError(f"a second result of {key!r}", where=f"{self.path}:{number}")
        return key
