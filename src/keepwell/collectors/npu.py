"""NPUs, as far as the system tells: time in which they computed, clock, memory."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.series import Reading
from keepwell.plugins.collecting import FileCollector
from keepwell.plugins.collector import Collector, Moment, Sight
from keepwell.plugins.watching import watch_npus


class Npus:
    """`Looker` for the NPUs of every maker."""

    def __init__(self, node: str) -> None:
        self._lookers = watch_npus(node)

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of them."""
        return [one for looker in self._lookers for one in looker.look(sight, moment)]

    def close(self) -> None:
        """Close each."""
        for looker in self._lookers:
            looker.close()


COLLECTOR: Collector = FileCollector(
    every_seconds=1.0,
    gives=(
        "device.asleep",
        "device.busy_seconds_total",
        "device.clock_hertz",
        "device.memory_used_bytes",
        "device.utilisation_ratio",
        "process.device_memory_bytes",
        "process.device_seconds_total",
        "process.device_shared_memory_bytes",
    ),
    begin=Npus,
)
