"""Watching the GPU of an Apple chip by ioreg, which any user may run and which wakes nothing; it runs beside the looks.

Power and temperature macOS tells to root alone (powermetrics), so they are not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.observation import Missing, failed, unknown
from keepwell.core.ref import device
from keepwell.core.series import Reading, SeriesKey
from keepwell.devices.apple.readings import parse_statistics, working_set_bytes
from keepwell.plugins.asides import Aside, Said
from keepwell.plugins.collector import Moment, Sight
from keepwell.plugins.watching import names_in

#: A folder that every macOS has and nothing else, and a file in it.
SYSTEM, VERSION = "/System/Library/CoreServices", "SystemVersion.plist"
#: Seconds between two questions: each starts a process of some ten milliseconds.
ASK_SECONDS = 5.0
#: Seconds that one may take.
SECONDS = 5.0
IOREG = ("ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
#: Installed memory, and the limit of what the GPU may take of it (0: the system's own).
SYSCTL = ("sysctl", "-n", "hw.memsize", "iogpu.wired_limit_mb")
USED, BUSY, TOTAL = "device.memory_used_bytes", "device.utilisation_ratio", "device.memory_total_bytes"
NOT_YET = unknown("not asked yet")


class AppleWatch:
    """`Looker`. Numbers are those of the question before, 5 s old at most."""

    def __init__(self, node: str) -> None:
        self._keys = {name: SeriesKey(name, str(device(node, 0))) for name in (TOTAL, USED, BUSY)}
        self._said: dict[str, float | Missing] = dict.fromkeys(self._keys, NOT_YET)
        self._aside = Aside(SECONDS)
        self._asked: tuple[str, ...] = ()
        self._due = 0.0

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """Memory and load; nothing on another system."""
        if VERSION not in names_in(sight, SYSTEM):
            return []
        answer = self._aside.answer(moment.clock)
        if answer is not None:
            self._hear(answer)
        if not self._aside.busy and moment.clock >= self._due:
            self._ask(moment.clock)
        return [(key, self._said[name]) for name, key in self._keys.items()]

    def close(self) -> None:
        """End what runs."""
        self._aside.close()

    def _ask(self, clock: float) -> None:
        """How much memory there is first, and once only."""
        self._due, self._asked = clock + ASK_SECONDS, IOREG
        if isinstance(self._said[TOTAL], Missing) and self._said[TOTAL] is NOT_YET:
            self._due, self._asked = clock, SYSCTL
        why = self._aside.start(self._asked, clock)
        if why is not None:
            self._due = clock + ASK_SECONDS
            self._said |= dict.fromkeys(self._told(), why)

    def _hear(self, answer: Said | Missing) -> None:
        if isinstance(answer, Missing):
            self._said |= dict.fromkeys(self._told(), answer)
            return
        text = answer.stdout.decode("utf-8", "replace")
        if self._asked == SYSCTL:
            memory, _, limit = text.partition("\n")
            self._said[TOTAL] = _number(working_set_bytes(memory.strip(), limit.strip()))
            return
        told = parse_statistics(text)
        for name in (USED, BUSY):
            self._said[name] = _number(told.get(name, failed("ioreg shows no GPU statistics")))

    def _told(self) -> tuple[str, ...]:
        return {SYSCTL: (TOTAL,), IOREG: (USED, BUSY)}[self._asked]


def _number(value: object) -> float | Missing:
    if isinstance(value, Missing):
        return value
    if isinstance(value, int | float):
        return float(value)
    return failed("the answer holds no number")
