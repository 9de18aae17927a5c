"""One call at the far end. Sent there as text with far_end.py: standard library only, Python 3.7 or newer."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

TYPE_CHECKING = False  # the module typing takes longer to load than all that is sent
if TYPE_CHECKING:
    import socket
    import subprocess
    from typing import Any, TypeAlias

    Done: TypeAlias = tuple[dict[str, Any], bytes]

#: See wire.py, whose number this is.
PAYLOAD_BYTES = 64 * 1024 * 1024
#: Longest time limit of a call, seconds: a terabyte that is copied to a slow disk takes most of a day.
LONGEST_SECONDS = 86400.0
#: `socket.SHUT_RDWR`, without loading that module for those who ask no server.
BOTH_WAYS = 2


class Refusal(Exception):
    """A call that cannot be done: the kind of AccessError it is, and why."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what


class Job:
    """One call: its arguments, its time limit, and how to stop it."""

    def __init__(self, number: int, call: str, args: dict[str, Any], payload: bytes) -> None:
        self.number = number
        self.call = call
        self.args = args
        self.payload = payload
        self.seconds = min(max(float(self.take("timeout_seconds", (int, float), 5.0)), 0.0), LONGEST_SECONDS)
        self.deadline = time.monotonic() + self.seconds
        self.over = False
        self.stopped = False
        self.working = False
        self.lock = threading.RLock()
        self.process: subprocess.Popen[bytes] | None = None
        self.socket: socket.socket | None = None

    def take(self, name: str, kind: type | tuple[type, ...], otherwise: Any = None) -> Any:
        """An argument of the kind, or what else; Refusal for a wrong kind."""
        value = self.args.get(name, otherwise)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise Refusal("AccessError", f"the call {self.call} has a wrong {name}")
        return value

    def path(self, name: str = "path") -> bytes:
        """A path as the bytes that it is on disk."""
        text: str = self.take(name, str)
        return text.encode("utf-8", "surrogateescape")

    def limit(self) -> int:
        """The most bytes that are wanted."""
        return min(max(int(self.take("max_bytes", int, PAYLOAD_BYTES)), 0), PAYLOAD_BYTES)

    def left(self) -> float:
        """Seconds until the time limit."""
        return self.deadline - time.monotonic()

    def stop(self) -> None:
        """End the command or the request; from any thread."""
        with self.lock:
            self.stopped = True
            if self.process is not None and self.process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            if self.socket is not None:
                with suppress(OSError):
                    self.socket.shutdown(BOTH_WAYS)
