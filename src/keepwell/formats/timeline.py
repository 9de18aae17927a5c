"""What a journal says happened to the machine: suspend, resume, reload of the service manager, unit starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

EventKind: TypeAlias = Literal["suspend", "resume", "reload", "unit-start"]

_LINE = re.compile(r"^(\d{1,12}\.\d{1,9}) \S+ ([^\s\[:]+)(?:\[\d+\])?: (.*)$")
#: systemd says "Reloading." (before 243), "Reloading requested from client" (to 254), "Reload requested from client".
_RELOAD = re.compile(r"^(?:Reloading\.|Reloading requested from client|Reload requested from client)")
_STARTED = re.compile(r"^Started (\S+\.service|.+?)(?: - .*?)?\.?$")
_SUSPEND = re.compile(r"PM: suspend entry|Entering sleep state|Performing sleep operation")
_RESUME = re.compile(r"PM: suspend exit|System returned from sleep|PM: hibernation: hibernation exit")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """One thing that happened; `at` is seconds since the epoch, `unit` the unit or its description for a start."""

    at: float
    kind: EventKind
    what: str
    unit: str = ""


def parse_events(text: str) -> tuple[JournalEvent, ...]:
    """The events in `journalctl -o short-unix`, in order; other lines are left out."""
    found = (_LINE.match(line) for line in text.splitlines())
    events = (_event(float(one[1]), one[2], one[3]) for one in found if one is not None)
    return tuple(one for one in events if one is not None)


def kernel_event(at: float, text: str) -> JournalEvent | None:
    """The suspend or resume that a kernel line tells of, or None."""
    if _SUSPEND.search(text):
        return JournalEvent(at=at, kind="suspend", what="the machine was suspended")
    if _RESUME.search(text):
        return JournalEvent(at=at, kind="resume", what="the machine was resumed")
    return None


def _event(at: float, program: str, text: str) -> JournalEvent | None:
    if program != "systemd":
        return kernel_event(at, text)
    if _RELOAD.match(text):
        return JournalEvent(at=at, kind="reload", what="systemd read its units again (daemon-reload)")
    started = _STARTED.match(text)
    if started is not None:
        return JournalEvent(at=at, kind="unit-start", what=f"{started[1]} was started", unit=started[1])
    return None
