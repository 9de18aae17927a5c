"""Waiting for a real process without a fixed sleep: ask until it is so, or too late."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds between two looks.
LOOK_SECONDS = 0.02


def eventually(predicate: Callable[[], object], seconds: float = 10.0, what: str = "") -> None:
    """Return when `predicate()` is true; AssertionError when it is not within the time."""
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or predicate}")
        time.sleep(LOOK_SECONDS)
