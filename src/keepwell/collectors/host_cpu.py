"""Processor of the node: /proc/stat and /proc/loadavg."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, unknown
from keepwell.core.series import Reading
from keepwell.formats.procfs import TICKS_PER_SECOND
from keepwell.plugins.collecting import FileCollector, node_key, without
from keepwell.plugins.collector import Collector, Moment, Sight

#: The columns of the line "cpu" that are added up for each mode (proc(5)); guests' time is in user and nice already.
MODES: dict[str, tuple[int, ...]] = {
    "user": (1, 2),
    "system": (3,),
    "idle": (4,),
    "iowait": (5,),
    "interrupt": (6, 7),
    "steal": (8,),
}
MINUTES = ("1", "5", "15")
#: Names of lines after those of interrupts, with their metrics.
LINES: dict[bytes, str] = {
    b"ctxt": "host.context_switches_total",
    b"processes": "host.forks_total",
    b"procs_running": "host.processes_running",
    b"procs_blocked": "host.processes_blocked",
}
_FIRST = unknown("it is told from two looks, and this is the first")


class HostCpu:
    """One look costs about 30 us, and a core's interrupts more on machines with many."""

    def __init__(self, node: str) -> None:
        self._modes = [(node_key(node, "host.cpu_seconds_total", mode=mode), mode) for mode in MODES]
        self._lines = {name: node_key(node, metric) for name, metric in LINES.items()}
        self._loads = [node_key(node, "host.load", minutes=minutes) for minutes in MINUTES]
        self._busy = node_key(node, "host.cpu_busy_ratio")
        self._cores = node_key(node, "host.cores")
        self._uptime = node_key(node, "host.uptime_seconds")
        self._before: tuple[int, int] | None = None

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it."""
        return [*self._stat(sight, moment), *self._load(sight)]

    def close(self) -> None:
        """Nothing is held."""

    def _stat(self, sight: Sight, moment: Moment) -> list[Reading]:
        try:
            content = sight.read("/proc/stat")
        except AccessError as error:
            mine = [key for key, _ in self._modes]
            return without([*mine, self._busy, self._cores, *self._lines.values(), self._uptime], error)
        ticks = [0, *(int(word) for word in content[: content.find(b"\n")].split()[1:])]
        ticks += [0] * (9 - len(ticks))
        spent = {mode: sum(ticks[column] for column in columns) for mode, columns in MODES.items()}
        found: list[Reading] = [(key, spent[mode] / TICKS_PER_SECOND) for key, mode in self._modes]
        found.append((self._busy, self._ratio(sum(spent.values()), spent["idle"] + spent["iowait"])))
        found.append((self._cores, content.count(b"\ncpu")))
        for line in content[content.find(b"\nctxt ") + 1 :].splitlines():
            name, _, value = line.partition(b" ")
            key = self._lines.get(name)
            if key is not None:
                found.append((key, int(value)))
            elif name == b"btime":
                found.append((self._uptime, max(0.0, moment.at - int(value))))
        return found

    def _ratio(self, total: int, idle: int) -> float | Missing:
        before, self._before = self._before, (total, idle)
        if before is None or total <= before[0]:
            return _FIRST
        return min(1.0, max(0.0, 1 - (idle - before[1]) / (total - before[0])))

    def _load(self, sight: Sight) -> list[Reading]:
        try:
            words = sight.read("/proc/loadavg").split()
        except AccessError as error:
            return without(self._loads, error)
        return [(key, float(word)) for key, word in zip(self._loads, words[:3], strict=True)]


COLLECTOR: Collector = FileCollector(
    every_seconds=1.0,
    gives=(
        "host.cpu_seconds_total",
        "host.cpu_busy_ratio",
        "host.cores",
        "host.load",
        "host.uptime_seconds",
        *LINES.values(),
    ),
    begin=HostCpu,
)
