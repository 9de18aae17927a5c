"""Memory of the node: /proc/meminfo and /proc/vmstat, with what the cache of ZFS can give back.

ZFS counts its cache as used; it is given back when asked for, down to a least size. In a container whose
/proc/meminfo is lxcfs' (LXC) the numbers are the container's, but arcstats the whole machine's: there it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, absent, failed
from keepwell.core.series import Reading
from keepwell.formats.mounts import parse_mountinfo
from keepwell.plugins.collecting import FileCollector, node_key, without
from keepwell.plugins.collector import Collector, Moment, Sight

#: Looks between two of the cache of ZFS, which has a page of counters, and of whether /proc is lxcfs'.
ARC_LOOKS = 5
MOUNT_LOOKS = 60
#: Bytes of a page in /proc/vmstat. Machines with pages of another size (some ARM) tell swapping in those.
PAGE_BYTES = 4096
#: Counters of /proc/vmstat with what one is worth.
COUNTERS: dict[str, tuple[bytes, int]] = {
    "host.swap_in_bytes_total": (b"\npswpin ", PAGE_BYTES),
    "host.swap_out_bytes_total": (b"\npswpout ", PAGE_BYTES),
    "host.major_faults_total": (b"\npgmajfault ", 1),
    "host.oom_kills_total": (b"\noom_kill ", 1),
}
GAUGES = (
    "host.memory_total_bytes",
    "host.memory_available_bytes",
    "host.memory_used_bytes",
    "host.memory_used_ratio",
    "host.memory_free_bytes",
    "host.memory_cached_bytes",
    "host.memory_shared_bytes",
    "host.memory_dirty_bytes",
    "host.memory_locked_bytes",
    "host.memory_huge_pages_bytes",
    "host.swap_total_bytes",
    "host.swap_used_bytes",
)
ARC = "host.memory_arc_bytes"
_FIELD = re.compile(
    rb"^(MemTotal|MemFree|MemAvailable|Buffers|Cached|Mlocked|SwapTotal|SwapFree|Dirty|Shmem|SReclaimable|Hugetlb):"
    rb" +(\d+) kB$",
    re.MULTILINE,
)
_ARC = re.compile(rb"^(size|c_min) +\d+ +(\d+)$", re.MULTILINE)
_NO_FIELD = absent("this kernel does not tell it")


class HostMemory:
    """One look costs about 40 us."""

    def __init__(self, node: str) -> None:
        self._gauges = {name: node_key(node, name) for name in GAUGES}
        self._counters = [(node_key(node, name), mark, worth) for name, (mark, worth) in COUNTERS.items()]
        self._arc_key = node_key(node, ARC)
        self._arc: tuple[int, int] | Missing = absent("no ZFS here")
        self._lxcfs = False
        self._looks = 0

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it."""
        if self._looks % MOUNT_LOOKS == 0:
            self._lxcfs = _is_lxcfs(sight)
        if self._looks % ARC_LOOKS == 0:
            self._arc = _find_arc(sight, self._lxcfs)
        self._looks += 1
        return [*self._meminfo(sight), self._arc_reading(), *self._vmstat(sight)]

    def close(self) -> None:
        """Nothing is held."""

    def _arc_reading(self) -> Reading:
        if isinstance(self._arc, Missing):
            return self._arc_key, self._arc
        return self._arc_key, self._arc[0]

    def _meminfo(self, sight: Sight) -> list[Reading]:
        try:
            content = sight.read("/proc/meminfo")
        except AccessError as error:
            return without(self._gauges.values(), error)
        told = {name: int(value) * 1024 for name, value in _FIELD.findall(content)}
        spare = 0
        if not isinstance(self._arc, Missing):
            spare = max(0, self._arc[0] - self._arc[1])
        values = _gauges(told, spare)
        return [(key, values.get(name, _NO_FIELD)) for name, key in self._gauges.items()]

    def _vmstat(self, sight: Sight) -> list[Reading]:
        try:
            content = b"\n" + sight.read("/proc/vmstat")
        except AccessError as error:
            return without([key for key, _, _ in self._counters], error)
        found: list[Reading] = []
        for key, mark, worth in self._counters:
            start = content.find(mark)
            if start < 0:
                found.append((key, _NO_FIELD))
            else:
                start += len(mark)
                found.append((key, int(content[start : content.find(b"\n", start)]) * worth))
        return found


def _gauges(told: dict[bytes, int], spare: int) -> dict[str, float | Missing]:
    """The numbers of /proc/meminfo by metric; what the kernel does not tell is left out."""
    found: dict[str, float | Missing] = {}
    for field, name in (
        (b"MemTotal", "host.memory_total_bytes"),
        (b"MemFree", "host.memory_free_bytes"),
        (b"Shmem", "host.memory_shared_bytes"),
        (b"Dirty", "host.memory_dirty_bytes"),
        (b"Mlocked", "host.memory_locked_bytes"),
        (b"Hugetlb", "host.memory_huge_pages_bytes"),
        (b"SwapTotal", "host.swap_total_bytes"),
    ):
        if field in told:
            found[name] = told[field]
    if {b"SwapTotal", b"SwapFree"} <= told.keys():
        found["host.swap_used_bytes"] = told[b"SwapTotal"] - told[b"SwapFree"]
    if {b"Buffers", b"Cached"} <= told.keys():
        kept = told[b"Buffers"] + told[b"Cached"] + told.get(b"SReclaimable", 0) - told.get(b"Shmem", 0)
        found["host.memory_cached_bytes"] = max(0, kept)
    if {b"MemTotal", b"MemAvailable"} <= told.keys():
        total = told[b"MemTotal"]
        available = min(total, told[b"MemAvailable"] + spare)
        found["host.memory_available_bytes"] = available
        found["host.memory_used_bytes"] = total - available
        if total:
            found["host.memory_used_ratio"] = 1 - available / total
    return found


def _find_arc(sight: Sight, lxcfs: bool) -> tuple[int, int] | Missing:
    """The size of the cache of ZFS and the least that it keeps."""
    if lxcfs:
        return absent("in this container the cache of ZFS is not its own, and the memory that is told has none of it")
    try:
        content = sight.read("/proc/spl/kstat/zfs/arcstats")
    except NotThere:
        return absent("no ZFS here")
    except AccessError as error:
        return failed(error)
    told = {name: int(value) for name, value in _ARC.findall(content)}
    if b"size" not in told:
        return failed("arcstats has no size")
    return told[b"size"], told.get(b"c_min", told[b"size"])


def _is_lxcfs(sight: Sight) -> bool:
    """True where /proc/meminfo is a file of lxcfs, not the kernel's."""
    try:
        content = sight.read("/proc/self/mountinfo")
    except AccessError:
        return False
    return b" /proc/meminfo " in content and any(
        one.path == "/proc/meminfo" and one.kind.startswith("fuse")
        for one in parse_mountinfo(content.decode("utf-8", "replace"))
    )


COLLECTOR: Collector = FileCollector(every_seconds=1.0, gives=(*GAUGES, *COUNTERS, ARC), begin=HostMemory)
