"""FakeClock: time that moves only when a test says so."""

from __future__ import annotations

#: 2026-01-01 00:00:00 UTC, where a fake clock starts unless told otherwise.
START = 1_767_225_600.0


class FakeClock:
    """A `Clock` that stands still until `advance`."""

    def __init__(self, now: float = START) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass; ValueError for a negative span."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds}")
        self._now += seconds
        self._monotonic += seconds
