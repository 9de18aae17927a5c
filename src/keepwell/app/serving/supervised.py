"""Tells systemd how we are, where it started us: ready, starting again, ending, and that the gateway still answers.

The protocol is that of sd_notify(3): one datagram of `NAME=value` lines to the socket in $NOTIFY_SOCKET.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

#: Beats in the time that systemd waits for one: the manual asks for two, one may be lost on a busy machine.
BEATS = 3
#: Seconds that systemd waits, as the unit says that we print: planes that ended are up again within five.
WATCHDOG_SECONDS = 60


class Notifier:
    """Says nothing where nobody listens. `beat_seconds` is 0 where nobody waits for beats."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._address = _parse_address(environment.get("NOTIFY_SOCKET", ""))
        self.beat_seconds = 0.0
        meant = environment.get("WATCHDOG_PID", "") or str(pid)
        limit = environment.get("WATCHDOG_USEC", "")
        if self._address and meant == str(pid) and limit.isdecimal():
            self.beat_seconds = int(limit) / 1e6 / BEATS

    def ready(self, status: str = "") -> None:
        """Clients are served."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The program starts again, and nobody is cut off."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It ends, after what runs."""
        self._send("STOPPING=1")

    async def keep_beating(self, is_well: Callable[[], Awaitable[bool]]) -> None:
        """A beat whenever `is_well` says so, until cancelled; without beats systemd starts all anew."""
        while self.beat_seconds:
            if await is_well():
                self._send("WATCHDOG=1")
            await asyncio.sleep(self.beat_seconds)

    def _send(self, text: str) -> None:
        """What is lost is lost: there is nobody else to tell."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
            one.setblocking(False)
            one.sendto(text.encode(), self._address)


def make_notifier() -> Notifier:
    """Of this process."""
    return Notifier(os.environ, os.getpid())


def _parse_address(written: str) -> str:
    """A path, or a name that begins with @ in the kernel's own room of names; "" for anything else."""
    if written.startswith("/"):
        return written
    if written.startswith("@"):
        return "\0" + written[1:]
    return ""
