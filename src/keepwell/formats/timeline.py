"""What a journal says happened to the machine: sleep, reload of the service manager, units, the clock, memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from keepwell.core.event import EventKind

_LINE = re.compile(r"^(\d{1,12}\.\d{1,9}) \S+ ([^\s\[:]+)(?:\[\d+\])?: (.*)$")
#: systemd says "Reloading." (before 243), "Reloading requested from client" (to 254), "Reload requested from client".
_RELOAD = re.compile(r"^(?:Reloading\.|Reloading requested from client|Reload requested from client)")
_STARTED = re.compile(r"^Started (\S+\.service|.+?)(?: - .*?)?\.?$")
_STOPPED = re.compile(r"^Stopped (\S+\.service|.+?)(?: - .*?)?\.?$")
_FAILED = re.compile(r"^(\S{1,200}): Failed with result '([a-z-]{1,40})'\.?$")
_NOT_STARTED = re.compile(r"^Failed to start (\S+\.service|.+?)(?: - .*?)?\.?$")
_UNIT_OOM = re.compile(r"^(\S{1,200}): A process of this unit has been killed by the OOM killer\.?$")
_SUSPEND = re.compile(r"PM: suspend entry|Entering sleep state|Performing sleep operation")
_RESUME = re.compile(r"PM: suspend exit|System returned from sleep|PM: hibernation: hibernation exit")
_KILLED = re.compile(r"^(Memory cgroup out|Out) of memory: Killed process (\d{1,10}) \(([^)]{1,40})\)")
_TAINT = re.compile(r"^(\S{1,60}): loading out-of-tree module taints kernel")
_DRM = re.compile(r"^\[drm\] Initialized (\S{1,40}) (\d\S{0,30})")
#: systemd, systemd-timesyncd and chronyd on a clock that was put right at once.
_CLOCK = re.compile(
    r"^(?:Time has been changed|System time changed"
    r"|System clock wrong by (-?\d{1,12}(?:\.\d{1,9})?) seconds"
    r"|System clock was stepped by (-?\d{1,12}(?:\.\d{1,9})?) seconds)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """One thing that happened; `at` is seconds since the epoch, `unit` the unit, program or module, or "".

    `detail` is the result of a failed unit, or by how many seconds the clock was set.
    """

    at: float
    kind: EventKind
    what: str
    unit: str = ""
    detail: str = ""


def parse_events(text: str) -> tuple[JournalEvent, ...]:
    """The events in `journalctl -o short-unix`, in order; other lines are left out."""
    found = (_LINE.match(line) for line in text.splitlines())
    events = (_event(float(one[1]), one[2], one[3]) for one in found if one is not None)
    return tuple(one for one in events if one is not None)


def kernel_event(at: float, text: str) -> JournalEvent | None:
    """The suspend, resume, kill for want of memory or loaded module that a kernel line tells of, or None."""
    if _SUSPEND.search(text):
        return JournalEvent(at=at, kind="suspend", what="the machine was suspended")
    if _RESUME.search(text):
        return JournalEvent(at=at, kind="resume", what="the machine was resumed")
    killed = _KILLED.match(text)
    if killed is not None:
        where = {"Out": "memory was used up"}.get(killed[1], "a memory limit was reached")
        what = f"{where}: the kernel killed {killed[3]} (pid {killed[2]})"
        return JournalEvent(at=at, kind="oom", what=what, unit=killed[3])
    loaded = _TAINT.match(text)
    if loaded is not None:
        return JournalEvent(at=at, kind="module", what=f"the kernel module {loaded[1]} was loaded", unit=loaded[1])
    shown = _DRM.match(text)
    if shown is not None:
        what = f"the graphics driver {shown[1]} {shown[2]} was loaded"
        return JournalEvent(at=at, kind="module", what=what, unit=shown[1], detail=shown[2])
    return None


def _event(at: float, program: str, text: str) -> JournalEvent | None:
    clock = _CLOCK.match(text)
    if clock is not None and program in CLOCK_PROGRAMS:
        return _clock(at, clock[1] or clock[2] or "")
    if program != "systemd":
        return kernel_event(at, text)
    for pattern, make in _MANAGER:
        found = pattern.match(text)
        if found is not None:
            return make(at, found)
    return None


def _clock(at: float, seconds: str) -> JournalEvent:
    by = f" by {seconds} s" * bool(seconds)
    return JournalEvent(at=at, kind="clock", what=f"the clock was set{by}", detail=seconds)


def _reload(at: float, _: re.Match[str]) -> JournalEvent:
    return JournalEvent(at=at, kind="reload", what="systemd read its units again (daemon-reload)")


def _started(at: float, found: re.Match[str]) -> JournalEvent:
    return JournalEvent(at=at, kind="unit-start", what=f"{found[1]} was started", unit=found[1])


def _stopped(at: float, found: re.Match[str]) -> JournalEvent:
    return JournalEvent(at=at, kind="unit-stop", what=f"{found[1]} was stopped", unit=found[1])


def _failed(at: float, found: re.Match[str]) -> JournalEvent:
    what = f"{found[1]} failed ({found[2]})"
    return JournalEvent(at=at, kind="unit-failed", what=what, unit=found[1], detail=found[2])


def _not_started(at: float, found: re.Match[str]) -> JournalEvent:
    return JournalEvent(at=at, kind="unit-failed", what=f"{found[1]} could not be started", unit=found[1])


def _unit_oom(at: float, found: re.Match[str]) -> JournalEvent:
    return JournalEvent(at=at, kind="oom", what=f"memory ran out in {found[1]}: a process was killed", unit=found[1])


#: Programs whose word on the clock counts.
CLOCK_PROGRAMS = frozenset({"systemd", "systemd-timesyncd", "systemd-timedated", "chronyd", "ntpd"})
_MANAGER: tuple[tuple[re.Pattern[str], Callable[[float, re.Match[str]], JournalEvent]], ...] = (
    (_RELOAD, _reload),
    (_STARTED, _started),
    (_STOPPED, _stopped),
    (_FAILED, _failed),
    (_NOT_STARTED, _not_started),
    (_UNIT_OOM, _unit_oom),
)
