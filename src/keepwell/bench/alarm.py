"""Rings at an instant, to some ten microseconds: an event loop's own timers are a millisecond coarse under uvloop."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable

#: CLOCK_MONOTONIC; TFD_TIMER_ABSTIME; TFD_NONBLOCK | TFD_CLOEXEC (linux/timerfd.h).
_MONOTONIC, _ABSOLUTE, _FLAGS = 1, 1, os.O_NONBLOCK | 0o2000000
#: Nanoseconds of a second. An instant of 0 would switch the timer off.
_NANO, _AT_ONCE = 1_000_000_000, 1


class _Spec(ctypes.Structure):
    _fields_ = (
        ("every_seconds", ctypes.c_long),
        ("every_nanoseconds", ctypes.c_long),
        ("at_seconds", ctypes.c_long),
        ("at_nanoseconds", ctypes.c_long),
    )


class Alarm:
    """One alarm of the running loop; `ring` is called once for each time it was set. Instants are those of
    `time.monotonic`.

    Where the system has no timer that can be waited for as a file, the loop's own one is used.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._fd = -1
        if sys.platform == "linux":
            library = ctypes.PyDLL(None)  # a call takes less time than to let other threads run meanwhile
            self._spec = _Spec()
            self._spec_at, self._set_time = ctypes.byref(self._spec), library.timerfd_settime
            self._fd = int(library.timerfd_create(_MONOTONIC, _FLAGS))
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._rang)

    def set(self, at: float) -> None:
        """Ring at this instant, at once where it has gone by; an earlier setting counts no more."""
        if self._fd < 0:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(at, self._ring)
            return
        whole = max(_AT_ONCE, int(at * _NANO))
        self._spec.at_seconds, self._spec.at_nanoseconds = divmod(whole, _NANO)
        self._set_time(self._fd, _ABSOLUTE, self._spec_at, None)

    def close(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _rang(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # it was set anew after it rang
        self._ring()
