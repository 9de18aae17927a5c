"""Event: one thing that happened on a node, when, how sure that instant is, and who tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

EventKind: TypeAlias = Literal[
    "boot",
    "shutdown",
    "suspend",
    "resume",
    "clock",
    "reload",
    "package",
    "kernel",
    "module",
    "unit-start",
    "unit-stop",
    "unit-failed",
    "oom",
    "container-start",
    "container-stop",
    "container-health",
    "container-change",
    "image",
    "file",
    "setting",
    "model",
    "process-start",
    "engine-change",
    "network",
    "repair",
]
#: Every kind, in the order above.
KINDS: tuple[EventKind, ...] = get_args(EventKind)

#: How sure an instant is. "exact": the source writes its zone or counts from the epoch. "zone": it writes local
#: time, and that hour came twice, never came, or the zone is not known. "last": only the last time is known (a
#: file's date). "between": it happened after an earlier look and before `at`. "clock": the node's clock was set
#: afterwards, or stands in the future.
Sure: TypeAlias = Literal["exact", "zone", "last", "between", "clock"]
SURE: tuple[Sure, ...] = get_args(Sure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. `at` is seconds since the epoch; `what` is a sentence without a full stop.

    `source` is the file or command that tells it. `topic` is what a package or a unit is to keepwell (kernel,
    driver, engine, container, ...) or "". `about` names the unit, container, file, model or engine, or is "".
    `was` and `now` are the two sides of a change, secrets masked. `after` is the earlier look of a "between", else 0.
    """

    at: float
    kind: EventKind
    what: str
    source: str
    sure: Sure = "exact"
    topic: str = ""
    about: str = ""
    was: str = ""
    now: str = ""
    after: float = 0.0
