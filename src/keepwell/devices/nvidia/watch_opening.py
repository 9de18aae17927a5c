"""Starting NVML beside the looks: without persistence mode each card takes up to 3 s, and no look may wait for that."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from keepwell.core.observation import Missing, unknown
from keepwell.devices.nvidia.watch_session import Errors, Session, open_session
from keepwell.plugins.watching import Watched

#: Seconds that a look waits for the start: a driver that is awake takes some 20 ms.
WAIT_SECONDS = 0.5
STARTS = unknown("NVML is being started")


class Opening:
    """NVML, started when it is asked for and until `close`. `under_way` is True while it starts."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._errors = Errors()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._answer: Session | Missing = STARTS
        self._wanted = False

    @property
    def under_way(self) -> bool:
        """True while it starts."""
        return self._thread is not None and self._thread.is_alive()

    def session(self, devices: Sequence[Watched]) -> Session | Missing:
        """NVML with these cards (all that it lists, where the bus shows none), or why it is not there."""
        if self._wanted and not self.under_way and not isinstance(self._answer, Missing):
            return self._answer
        self._wanted = True
        if not self.under_way:
            self._answer = STARTS
            self._thread = threading.Thread(
                target=self._start, args=(tuple(devices),), name="keepwell-nvml", daemon=True
            )
            self._thread.start()
        if self._thread is not None:
            self._thread.join(WAIT_SECONDS)
        return self._answer

    def close(self) -> None:
        """Let go of NVML; a start under way ends in nothing."""
        with self._lock:
            self._wanted = False
            answer, self._answer = self._answer, STARTS
        if isinstance(answer, Session):
            answer.close()

    def _start(self, devices: Sequence[Watched]) -> None:
        found = open_session(self._node, devices, self._errors)
        with self._lock:
            if self._wanted:
                self._answer = found
                return
        if isinstance(found, Session):
            found.close()
