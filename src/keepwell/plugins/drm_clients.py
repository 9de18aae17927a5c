"""What the processes that matter hold and use of GPUs, as the kernel's graphics drivers tell of each open descriptor.

No descriptor of a suspended device is read: some drivers would wake it for the answer.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, failed, unknown
from keepwell.core.series import Reading, SeriesKey
from keepwell.formats.drm_fdinfo import Client, parse_client
from keepwell.plugins.collector import Moment, Sight
from keepwell.plugins.process_groups import ProcessGroups
from keepwell.plugins.watching import is_asleep

#: Seconds between two looks at descriptors, and between two searches for them.
READ_SECONDS, SEARCH_SECONDS = 4.5, 30.0
#: Looks that a search may take: over a connection each finds only what the one before made it ask for.
SEARCH_LOOKS = 6
#: Looks in a row in which a descriptor may be away before it counts as closed.
AWAY_LOOKS = 2
#: Descriptors of one process that are looked at.
DESCRIPTORS = 512
#: Folders of device nodes, with where sysfs tells which device a node is.
_NODES = {"/dev/dri": "/sys/class/drm", "/dev/accel": "/sys/class/accel"}


class _Opened(NamedTuple):
    """A descriptor of a process: whose, where its numbers are, and the address of its device."""

    subject: str
    path: str
    pci: str


@dataclass(slots=True)
class Use:
    """What one engine or container has of one device; bytes are None where the driver does not tell."""

    own_bytes: int | None = None
    shared_bytes: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class DrmClients:
    """`uses` by subject and address, `problems` why a subject's descriptors cannot be seen, `worked` the addresses of
    devices that did something since the look before.
    """

    def __init__(self) -> None:
        self.uses: dict[tuple[str, str], Use] = {}
        self.problems: dict[str, Missing] = {}
        self.worked: set[str] = set()
        self._groups = ProcessGroups()
        self._opened: list[_Opened] = []
        self._clients: dict[tuple[str, str], tuple[Client, float]] = {}
        self._last: dict[str, tuple[Client, int]] = {}
        self._searched = self._read = float("-inf")
        self._left = 0
        self._whole = True
        self._not_yet: Missing | None = unknown("what its processes have open is still being looked for")

    def look(self, sight: Sight, moment: Moment) -> None:
        """Look again, if it is time; costs a listing of /proc and a small file a descriptor."""
        if not sight.watched and not self.uses:
            return
        if moment.clock - self._searched >= SEARCH_SECONDS or not self._groups.follows(sight.watched):
            self._searched, self._left = moment.clock, SEARCH_LOOKS
        if self._left:
            self._search(sight)
        if moment.clock - self._read >= READ_SECONDS:
            self._read = moment.clock
            self._add_up(sight, moment.clock)

    def readings(self, device: str, pci: str) -> Iterator[Reading]:
        """What each subject has of the device of this Ref; 0 for one that has nothing of it."""
        labels = (("device", device.rpartition("/")[2]),)
        for subject in self._groups.groups:
            use = self.uses.get((subject, pci), Use(0, 0))
            problem = self.problems.get(subject, self._not_yet)
            for name, number in (("memory_bytes", use.own_bytes), ("shared_memory_bytes", use.shared_bytes)):
                key = SeriesKey(f"process.device_{name}", subject, labels)
                if problem is not None:
                    yield key, problem
                elif number is not None:
                    yield key, float(number)
            for unit, seconds in use.seconds.items():
                yield SeriesKey("process.device_seconds_total", subject, (*labels, ("unit", unit))), seconds

    def _search(self, sight: Sight) -> None:
        """Look for descriptors of devices; what was found before stays until a search has seen everything."""
        self._left, self._whole = self._left - 1, True
        problems: dict[str, Missing] = {}
        found = list(self._find(sight, problems))
        if self._whole or not self._left:
            self._opened, self.problems, self._left = found, problems, 0
            self._not_yet = None
        else:
            self._opened += [one for one in found if one not in self._opened]

    def _find(self, sight: Sight, problems: dict[str, Missing]) -> Iterator[_Opened]:
        try:
            self._groups.refresh(sight)
        except AccessError:
            self._whole = False
        for subject, group in self._groups.groups.items():
            self._whole = self._whole and bool(group.members)
            for pid in group.members:
                try:
                    yield from self._descriptors(sight, subject, pid)
                except NotThere:
                    self._whole = False
                except AccessError as error:
                    problems[subject] = failed(error)

    def _descriptors(self, sight: Sight, subject: str, pid: int) -> Iterator[_Opened]:
        for number in sight.names(f"/proc/{pid}/fd")[:DESCRIPTORS]:
            try:
                target = sight.link(f"/proc/{pid}/fd/{number}")
                folder, name = posixpath.split(target)
                if folder in _NODES:
                    pci = posixpath.basename(sight.link(f"{_NODES[folder]}/{name}/device"))
                    yield _Opened(subject, f"/proc/{pid}/fdinfo/{number}", pci)
            except AccessError:
                self._whole = False  # not fetched yet, or closed meanwhile

    def _add_up(self, sight: Sight, clock: float) -> None:
        self.worked = set()
        asleep: dict[str, bool] = {}
        fresh: dict[tuple[str, str], Use] = {}
        seen: set[tuple[str, str]] = set()
        for one in self._opened:
            use = fresh.setdefault((one.subject, one.pci), Use(seconds=self._seconds(one)))
            if asleep.setdefault(one.pci, is_asleep(sight, one.pci)):
                continue
            client = self._client(sight, one.path)
            if client is not None and (client.pci, client.id) not in seen:
                seen.add((client.pci, client.id))
                self._take(client, use, clock)
        self._clients = {key: earlier for key, earlier in self._clients.items() if key in seen}
        self.uses = fresh
        paths = {one.path for one in self._opened}
        self._last = {path: last for path, last in self._last.items() if path in paths}

    def _client(self, sight: Sight, path: str) -> Client | None:
        """The client of a descriptor; as it was, if it cannot be read just now."""
        try:
            client = parse_client(sight.read(path).decode("utf-8", "replace"))
        except AccessError:
            client, missed = self._last.get(path, (None, 0))
            if client is None or missed >= AWAY_LOOKS:
                return None
            self._last[path] = client, missed + 1
            return client
        if client is not None:
            self._last[path] = client, 0
        return client

    def _seconds(self, one: _Opened) -> dict[str, float]:
        return self.uses.get((one.subject, one.pci), Use()).seconds

    def _take(self, client: Client, use: Use, clock: float) -> None:
        """Add one client's memory, and what it has worked since the look before."""
        use.own_bytes = _plus(use.own_bytes, client.own_bytes)
        use.shared_bytes = _plus(use.shared_bytes, client.shared_bytes)
        earlier, since = self._clients.get((client.pci, client.id), (client, clock))
        self._clients[client.pci, client.id] = client, clock
        for unit, seconds in _worked(earlier, client, clock - since):
            use.seconds[unit] = use.seconds.get(unit, 0.0) + seconds
            if seconds > 0:
                self.worked.add(client.pci)


def _worked(earlier: Client, client: Client, elapsed: float) -> Iterator[tuple[str, float]]:
    for unit, seconds in client.seconds.items():
        yield unit, max(0.0, seconds - earlier.seconds.get(unit, seconds))
    for unit, (count, whole) in client.cycles.items():
        count_before, whole_before = earlier.cycles.get(unit, (count, whole))
        share = (count - count_before) / max(1, whole - whole_before)
        yield unit, elapsed * min(1.0, max(0.0, share))


def _plus(one: int | None, other: int | None) -> int | None:
    if one is None:
        return other
    return one + (other or 0)
