"""Waiting for a real process without a fixed sleep: ask until it is so, or too late."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds between two looks.
LOOK_SECONDS = 0.02
#: Seconds between two looks that start a process each: more of them would take the time of what is waited for.
ASK_SECONDS = 0.1


def eventually(
    predicate: Callable[[], object], seconds: float = 10.0, what: str = "", *, pause: float = LOOK_SECONDS
) -> None:
    """Return when `predicate()` is true; AssertionError when it is not within the time. Looks are `pause` apart."""
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or predicate}")
        time.sleep(pause)
