"""What the node's disks do: /proc/diskstats. Counters of the kernel: no disk is asked, and none wakes."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.errors import AccessError
from keepwell.core.series import Reading, SeriesKey
from keepwell.plugins.collecting import FileCollector, node_key, without
from keepwell.plugins.collector import Collector, Moment, Sight

#: Bytes of a sector in /proc/diskstats, whatever the disk's own are; milliseconds of a second.
SECTOR_BYTES = 512
MILLI = 1000
#: Looks between two of which disks there are.
NAME_LOOKS = 60
#: Disks that are told of: a server with two full shelves has about as many.
DISKS = 64
#: Beginnings of names in /sys/block that are no disks, or that stand before disks which are told of.
PASSED_OVER = ("loop", "ram", "zram", "sr", "fd", "dm-", "zd", "nbd", "mtdblock")
#: Metrics with the column of each, counted from that of the name (0), and what one of it is worth.
COLUMNS: dict[str, tuple[int, float]] = {
    "host.disk_reads_total": (1, 1),
    "host.disk_read_bytes_total": (3, SECTOR_BYTES),
    "host.disk_read_seconds_total": (4, 1 / MILLI),
    "host.disk_writes_total": (5, 1),
    "host.disk_written_bytes_total": (7, SECTOR_BYTES),
    "host.disk_write_seconds_total": (8, 1 / MILLI),
    "host.disk_in_flight": (9, 1),
    "host.disk_busy_seconds_total": (10, 1 / MILLI),
}


class HostDisks:
    """One look costs about 5 us and 5 us a disk."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._keys: dict[bytes, list[SeriesKey]] = {}
        self._looks = 0

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it."""
        try:
            if self._looks % NAME_LOOKS == 0:
                self._find_disks(sight)
            content = sight.read("/proc/diskstats")
        except AccessError as error:
            return without([key for keys in self._keys.values() for key in keys], error)
        self._looks += 1
        found: list[Reading] = []
        for line in content.splitlines():
            words = line.split()[2:]
            keys = self._keys.get((words or [b""])[0])
            if keys is not None and len(words) > 10:
                for key, (column, worth) in zip(keys, COLUMNS.values(), strict=True):
                    found.append((key, int(words[column]) * worth))
        return found

    def close(self) -> None:
        """Nothing is held."""

    def _find_disks(self, sight: Sight) -> None:
        names = [name for name in sight.names("/sys/block") if not name.startswith(PASSED_OVER)][:DISKS]
        self._keys = {
            name.replace("!", "/").encode(): [node_key(self._node, metric, disk=name) for metric in COLUMNS]
            for name in names
        }


COLLECTOR: Collector = FileCollector(every_seconds=1.0, gives=tuple(COLUMNS), begin=HostDisks)
