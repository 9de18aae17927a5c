"""SystemClock: the real time. Only here is a clock read."""

from __future__ import annotations

import time


class SystemClock:
    """The `Clock` of this machine."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary zero."""
        return time.monotonic()
