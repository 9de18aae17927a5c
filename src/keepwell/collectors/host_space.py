"""Room on the node's file systems. Told by the kernel from memory: no disk wakes for it, and nothing is mounted."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.errors import AccessError
from keepwell.core.observation import failed, unknown
from keepwell.core.ref import Ref
from keepwell.core.series import Reading, SeriesKey
from keepwell.formats.mounts import Mount, parse_mountinfo
from keepwell.plugins.collecting import FileCollector
from keepwell.plugins.collector import Collector, Moment, Sight

#: Seconds between two looks: file systems fill in minutes.
EVERY_SECONDS = 30.0
#: File systems that are told of, those with the shortest paths.
MOUNTS = 64
#: Bytes of the list of mounts; a machine with a thousand containers has about 400 KB.
LIST_BYTES = 1024 * 1024
NAMES = ("mount.total_bytes", "mount.free_bytes", "mount.used_ratio")
#: Folders whose file systems belong to containers and sessions, not to people and models.
PASSED_OVER = ("/run/", "/var/lib/docker/", "/var/lib/containers/", "/var/lib/kubelet/", "/proc/", "/sys/", "/snap/")
#: Kinds of which every container has one of its own.
LAYERED = frozenset({"overlay", "aufs"})

_REMOTE = unknown("it is another machine's: asking might hang, and is not done again and again")


class HostSpace:
    """One look costs about 10 us a mount."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._keys: dict[str, tuple[SeriesKey, SeriesKey, SeriesKey]] = {}

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it."""
        try:
            text = sight.read("/proc/self/mountinfo", max_bytes=LIST_BYTES).decode("utf-8", "replace")
        except AccessError as error:
            reason = failed(error)
            return [(key, reason) for keys in self._keys.values() for key in keys]
        found: list[Reading] = []
        chosen = choose_mounts(parse_mountinfo(text))
        if len(self._keys) > 2 * MOUNTS:
            self._keys.clear()  # of file systems that come and go
        for mount in chosen:
            found += self._room(mount, sight)
        return found

    def close(self) -> None:
        """Nothing is held."""

    def _room(self, mount: Mount, sight: Sight) -> Iterable[Reading]:
        keys = self._keys.get(mount.path)
        if keys is None:
            subject = str(Ref("mount", (self._node, mount.path)))
            keys = SeriesKey(NAMES[0], subject), SeriesKey(NAMES[1], subject), SeriesKey(NAMES[2], subject)
            self._keys[mount.path] = keys
        if mount.remote:
            return [(key, _REMOTE) for key in keys]
        try:
            total, free = sight.size(mount.path)
        except AccessError as error:
            reason = failed(error)
            return [(key, reason) for key in keys]
        if not total:
            return []
        return [(keys[0], total), (keys[1], free), (keys[2], 1 - free / total)]


def choose_mounts(mounts: tuple[Mount, ...]) -> list[Mount]:
    """Those that people and programs write to, each device once, the shortest paths first."""
    chosen: dict[str, Mount] = {}
    for one in sorted(mounts, key=_length):
        layered = one.kind in LAYERED and one.path != "/"
        if one.virtual or layered or one.kind == "devtmpfs" or f"{one.path}/".startswith(PASSED_OVER):
            continue
        if one.read_only or not one.path.isprintable():
            continue
        own = one.device
        if one.kind == "tmpfs":
            own = one.path
        chosen.setdefault(own, one)
    return list(chosen.values())[:MOUNTS]


def _length(mount: Mount) -> int:
    return len(mount.path)


COLLECTOR: Collector = FileCollector(every_seconds=EVERY_SECONDS, gives=NAMES, begin=HostSpace)
