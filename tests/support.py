"""What tests of several rooms need: waiting for a real process, and a port that nobody holds."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from keepwell.testing.waiting import LOOK_SECONDS

#: Where the repository lies.
REPOSITORY = Path(__file__).resolve().parent.parent


async def eventually_async(predicate: Callable[[], Awaitable[object]], seconds: float = 10.0, what: str = "") -> None:
    """As `eventually`, for a question that must be awaited."""
    deadline = time.monotonic() + seconds
    while not await predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or predicate}")
        await asyncio.sleep(LOOK_SECONDS)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind((host, 0))
        port: int = one.getsockname()[1]
        return port
