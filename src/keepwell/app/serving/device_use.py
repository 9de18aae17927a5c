"""Looks at what those use of a device who have its time, by the collectors that tell it by process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, unknown
from keepwell.core.ref import engine as subject_of
from keepwell.gateway.turning import TurnState
from keepwell.plugins import registry
from keepwell.plugins.collector import Collector, Looker, Moment, Sight
from keepwell.store.device_uses import DeviceUse, load_uses, save_uses
from keepwell.telemetry.held import HeldSight

#: Seconds between two looks: what a driver tells by process costs a file for each of them.
LOOK_SECONDS = 5.0
MEMORY, BUSY = "process.device_memory_bytes", "process.device_seconds_total"
NOBODY_TELLS = unknown("no device of this machine tells what its processes hold")
NOT_BY_PROCESS = unknown("its driver does not tell by process for how long it works")


class Watching(Sight, Protocol):
    """A sight whose watched processes can be set."""

    watched: Mapping[int, str]


class UseWatch:
    """`sight` is what collectors look through: this machine's files if it is left out."""

    def __init__(self, state: Path, node: str, sight: Watching | None = None) -> None:
        self._state = state
        self._node = node
        self._sight: Watching = sight or HeldSight()
        self._lookers: Sequence[Looker] | None = None
        self._looked = float("-inf")

    def look(self, turns: Iterable[TurnState], moment: Moment) -> None:
        """Look at those that have a device, if it is time; runs in a thread."""
        held = {one.pid: one for one in turns if one.stage == "held" and one.pid}
        if not held or moment.clock - self._looked < LOOK_SECONDS:
            return
        self._looked = moment.clock
        self._sight.watched = {pid: str(subject_of(self._node, str(pid))) for pid in held}
        told = self._read(moment)
        uses = load_uses(self._state)
        for pid, turn in held.items():
            subject = self._sight.watched[pid]
            memory = _add_up([value for metric, about, value in told if (metric, about) == (MEMORY, subject)])
            busy = _add_up([value for metric, about, value in told if (metric, about) == (BUSY, subject)])
            uses[turn.id] = renew(uses.get(turn.id), memory, busy, moment.at)
        save_uses(self._state, uses)

    def close(self) -> None:
        """Let go of what collectors hold open."""
        for one in self._lookers or ():
            one.close()

    def _read(self, moment: Moment) -> list[tuple[str, str, float | Missing]]:
        if self._lookers is None:
            found = cast("Mapping[str, Collector]", registry.load_all("collectors"))
            self._lookers = [one.open(self._node) for one in found.values() if MEMORY in one.gives]
        told = []
        for one in self._lookers:
            try:
                told += [(key.metric, key.subject, value) for key, value in one.look(self._sight, moment)]
            except AccessError:
                continue
        return told


def renew(before: DeviceUse | None, memory: float | Missing, busy: float | Missing, at: float) -> DeviceUse:
    """With one more look. Pure."""
    seen: list[int] = []
    if before is not None and not isinstance(before.peak_memory_bytes, Missing):
        seen = [before.peak_memory_bytes]
    now: int | Missing = NOBODY_TELLS
    if isinstance(memory, Missing):
        now = memory
    else:
        now = round(memory)
        seen.append(now)
    peak: int | Missing = now
    if seen:
        peak = max(seen)
    if isinstance(busy, Missing) and not isinstance(memory, Missing):
        busy = NOT_BY_PROCESS
    return DeviceUse(at=at, memory_bytes=now, peak_memory_bytes=peak, busy_seconds=busy)


def _add_up(values: Sequence[float | Missing]) -> float | Missing:
    """The sum of those that are told; why there is none, where none is."""
    numbers = [one for one in values if not isinstance(one, Missing)]
    if numbers:
        return sum(numbers)
    return next((one for one in values if isinstance(one, Missing)), NOBODY_TELLS)
