"""When bytes reached this machine, by the kernel's own stamps: a loop that reads late tells no later time by it.

Linux stamps what comes over TCP, and a read tells the stamp of the last bytes that it took. Stamps are of the system's
clock; here they are instants of the monotonic one. Only the standard library is used.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Sequence
from math import inf
from time import monotonic_ns, time_ns

#: SO_TIMESTAMPNS (include/uapi/asm-generic/socket.h): each read tells a `struct timespec`, of two C longs.
_OPTION = 35
_TIMESPEC = struct.Struct("@ll")
#: Bytes beside the data of a read that hold a stamp.
SPACE = socket.CMSG_SPACE(_TIMESPEC.size)
#: Seconds after which the two clocks are compared anew: by then they have parted by some ten nanoseconds.
RENEW_SECONDS = 0.02
#: Comparisons of which the narrowest counts, and nanoseconds that are narrow enough: the process may be halted in one.
_TRIES, _NARROW = 4, 1_000
_NANO = 1_000_000_000

Ancillary = Sequence[tuple[int, int, bytes]]


def ask_for_stamps(connection: socket.socket) -> bool:
    """Have reads tell stamps; False where the system has none."""
    if sys.platform != "linux":
        return False
    try:
        connection.setsockopt(socket.SOL_SOCKET, _OPTION, 1)
    except OSError:
        return False
    return True


class Stamps:
    """Stamps as instants of `time.monotonic`."""

    __slots__ = ("_offset", "_renew_at")

    def __init__(self) -> None:
        #: Nanoseconds of the monotonic clock, less those of the system's.
        self._offset = 0
        self._renew_at = -inf

    def renew(self, now: float) -> None:
        """Compare the clocks if it is time."""
        if now < self._renew_at:
            return
        self._renew_at = now + RENEW_SECONDS
        narrowest = _NANO
        for _ in range(_TRIES):
            before = monotonic_ns()
            there = time_ns()
            width = monotonic_ns() - before
            if width < narrowest:
                narrowest, self._offset = width, before + width // 2 - there
            if width <= _NARROW:
                return

    def find(self, told: Ancillary, since: float, now: float) -> float:
        """When the bytes came that were read `now`, and not before `since`. Where no stamp tells that (the clock may
        have been set meanwhile), it is now.
        """
        for _, option, data in told:
            if option == _OPTION:
                seconds, nanoseconds = _TIMESPEC.unpack(data)
                at = (seconds * _NANO + nanoseconds + self._offset) / _NANO
                if since <= at <= now:
                    return float(at)
        return now
