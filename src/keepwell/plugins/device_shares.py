"""Whose processes hold a device's memory: a driver's list by pid, summed for the engines and containers that matter."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, unknown
from keepwell.core.series import Reading, SeriesKey
from keepwell.formats.process_load import parse_process_load
from keepwell.plugins.collector import Sight

METRIC = "process.device_memory_bytes"
#: Generations from a process that holds memory up to the one that is watched: of a server's workers one to three.
GENERATIONS = 16
UNTOLD = unknown("its driver does not tell how much this process holds")
ELSEWHERE = unknown("its driver lists processes that cannot be seen from here, as out of a container")
#: Whose a process is that belongs to nobody who is watched, and one that cannot be seen.
_NOBODYS, _HIDDEN = "", "?"


class Owners:
    """Whose a process is: of the watched one that it is, or that one of its ancestors is. Remembered until `keep`."""

    def __init__(self) -> None:
        self._owners: dict[int, str] = {}
        self._watched: Mapping[int, str] = {}

    def find(self, sight: Sight, pid: int) -> str | None:
        """The text of a Ref; "" for one that is nobody's, None for one that cannot be seen from here."""
        if self._watched != sight.watched:
            self._watched = dict(sight.watched)
            self._owners.clear()
        owner = self._owners.get(pid)
        if owner is None:
            owner = self._owners[pid] = self._search(sight, pid)
        if owner == _HIDDEN:
            return None
        return owner

    def keep(self, pids: Mapping[int, object]) -> None:
        """Forget all but these: another process may get their numbers."""
        for pid in self._owners.keys() - pids.keys():
            del self._owners[pid]

    def _search(self, sight: Sight, pid: int) -> str:
        at = pid
        for _ in range(GENERATIONS):
            if at in sight.watched:
                return sight.watched[at]
            if at <= 1:
                return _NOBODYS
            try:
                at = parse_process_load(sight.read(f"/proc/{at}/stat")).parent
            except (AccessError, ValueError):
                return _HIDDEN
        return _NOBODYS


class Shares:
    """Keeps the keys of what each subject holds of each device, and whose each process is."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], SeriesKey] = {}
        self._owners: dict[str, Owners] = {}

    def readings(self, sight: Sight, device: str, held: Mapping[int, int | None] | Missing) -> list[Reading]:
        """What each watched subject holds of the device of this Ref: 0 where its processes are not in the list."""
        sums: dict[str, float | Missing] = dict.fromkeys(sight.watched.values(), 0.0)
        if isinstance(held, Missing):
            sums = dict.fromkeys(sums, held)
        elif sums:
            self._add(sight, device, held, sums)
        return [(self._key(subject, device), number) for subject, number in sums.items()]

    def _add(self, sight: Sight, device: str, held: Mapping[int, int | None], sums: dict[str, float | Missing]) -> None:
        owners = self._owners.setdefault(device, Owners())
        owners.keep(held)
        hidden = False
        for pid, used in held.items():
            subject = owners.find(sight, pid)
            if not subject:
                hidden = hidden or subject is None
                continue
            earlier = sums[subject]
            if used is None or isinstance(earlier, Missing):
                sums[subject] = UNTOLD
            else:
                sums[subject] = earlier + used
        if hidden:
            sums.update((subject, ELSEWHERE) for subject, number in sums.items() if number == 0.0)

    def _key(self, subject: str, device: str) -> SeriesKey:
        found = self._keys.get((subject, device))
        if found is None:
            found = SeriesKey(METRIC, subject, (("device", device.rpartition("/")[2]),))
            self._keys[subject, device] = found
        return found
