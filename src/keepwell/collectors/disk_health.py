"""Disks' own health (SMART) by smartctl, without keeping or waking any from its sleep.

A disk that turns is asked only right after it has worked of its own accord, so that asking never makes it wait longer
before it stops; and with `-n idle`, by which smartctl itself leaves one alone that rests. One that the kernel suspended
is not asked at all. All others, and these, are asked every ten minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from keepwell.core.observation import Missing, absent, failed, unknown
from keepwell.core.series import Reading, SeriesKey
from keepwell.formats.smart import find_message, parse_smart
from keepwell.plugins.asides import Aside, Said
from keepwell.plugins.collecting import FileCollector, node_key
from keepwell.plugins.collector import Collector, Moment, Sight
from keepwell.plugins.device import ASLEEP
from keepwell.plugins.watching import names_in, read_word

#: Disks with health of their own: SATA, SAS, USB and NVMe; not partitions, virtual disks, arrays.
_DISK = re.compile(r"(sd[a-z]{1,3}|nvme\d{1,3}n\d{1,3})")
EVERY_SECONDS = 10.0
#: Seconds between two questions to one disk.
ASK_SECONDS = 600.0
#: Seconds that smartctl may take; a failing disk lets it wait.
SECONDS = 15.0
#: Disks that are told of: as many as a server with two full shelves has.
DISKS = 64
#: Exit code that smartctl is told to give for a disk that rests, as its manual recommends. (The manual also warns that
#: finding out a disk's type may wake it before `-n` is heeded: one more reason to ask only after it has worked.)
RESTS_CODE = 3
#: ... and those of its bits that mean that it was not asked: bad arguments, device not opened.
NOT_ASKED = 1 | 2
#: What smartctl is asked for: the disk's own judgement, its attributes, its errors.
ARGUMENTS = ("--json=c", "-i", "-H", "-A", "-l", "error")
ENDS = (
    "healthy",
    "temperature_celsius",
    "on_seconds_total",
    "reallocated_sectors",
    "pending_sectors",
    "media_errors_total",
    "cable_errors_total",
    "worn_ratio",
    "spare_ratio",
)
RESTS = unknown("the disk rests, and asking could wake it or keep it from its sleep")
NOT_TOLD = absent("this disk does not tell")
NOT_ASKED_YET = unknown("not asked yet; a disk that turns is asked right after it has worked")


@dataclass(slots=True)
class _Disk:
    """What is known of one disk. `work` are its reads and writes at the last look; `why` stands for what is missing;
    `rests` is what smartctl found, `suspended` what the kernel says.
    """

    turns: bool
    keys: dict[str, SeriesKey]
    numbers: dict[str, float] = field(default_factory=dict)
    why: Missing = NOT_ASKED_YET
    rests: bool = False
    suspended: bool = False
    due: float = 0.0
    work: str = ""


class DiskHealth:
    """`Looker`. A look reads two or three small files a disk; smartctl runs beside, for one disk at a time."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._disks: dict[str, _Disk] = {}
        self._aside = Aside(SECONDS)
        self._asked = ""

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """Everything of every disk, as it was told last."""
        self._hear(moment)
        names = [name for name in names_in(sight, "/sys/block") if _DISK.fullmatch(name)][:DISKS]
        self._disks = {name: self._disks.get(name) or self._meet(sight, name) for name in names}
        for name, disk in self._disks.items():
            if self._may_ask(sight, name, disk) and moment.clock >= disk.due and not self._aside.busy:
                self._ask(name, disk, moment)
        return [one for disk in self._disks.values() for one in _tell(disk)]

    def close(self) -> None:
        """End a smartctl that still runs."""
        self._aside.close()

    def _meet(self, sight: Sight, name: str) -> _Disk:
        turns = read_word(sight, f"/sys/block/{name}/queue/rotational") != "0"
        disk = _Disk(turns, {end: node_key(self._node, f"host.disk_{end}", disk=name) for end in ENDS})
        disk.work = _work(sight, name)
        return disk

    def _may_ask(self, sight: Sight, name: str, disk: _Disk) -> bool:
        """True for one that nothing asked of it can disturb. To be called at each look: it compares with the last."""
        earlier, disk.work = disk.work, _work(sight, name)
        states = [read_word(sight, f"/sys/block/{name}/{path}/power/runtime_status") for path in _POWERED]
        disk.suspended = not ASLEEP.isdisjoint(states)
        return not disk.suspended and (not disk.turns or disk.work != earlier)

    def _ask(self, name: str, disk: _Disk, moment: Moment) -> None:
        disk.due = moment.clock + ASK_SECONDS
        careful = ["-n", f"idle,{RESTS_CODE}"] * disk.turns
        why = self._aside.start(["smartctl", *careful, *ARGUMENTS, f"/dev/{name}"], moment.clock)
        if why is None:
            self._asked = name
        else:
            disk.why = why

    def _hear(self, moment: Moment) -> None:
        answer = self._aside.answer(moment.clock)
        disk = self._disks.get(self._asked)
        if answer is None or disk is None:
            return
        disk.rests = False
        if isinstance(answer, Missing):
            disk.why = answer
        elif answer.code == RESTS_CODE and disk.turns:
            disk.rests = True
        elif answer.code & NOT_ASKED:
            disk.why = failed(f"smartctl: {find_message(answer.stdout) or _last_line(answer)}")
        else:
            disk.numbers, disk.why = parse_smart(answer.stdout), NOT_TOLD


#: Where the kernel tells whether it suspended a disk, or the controller on which alone it is.
_POWERED = ("device", "device/device")


def _tell(disk: _Disk) -> Iterator[Reading]:
    """What was told last stays, but for the temperature of a disk that rests."""
    rests = disk.rests or disk.suspended
    for end, key in disk.keys.items():
        number = disk.numbers.get(end)
        if rests and (number is None or end == "temperature_celsius"):
            yield key, RESTS
        elif number is None:
            yield key, disk.why
        else:
            yield key, number


def _work(sight: Sight, name: str) -> str:
    """Reads and writes that it has finished, as text; the kernel counts neither smartctl's questions nor its own."""
    words = read_word(sight, f"/sys/block/{name}/stat").split()
    return " ".join([*words[:1], *words[4:5]])


def _last_line(answer: Said) -> str:
    lines = (answer.stderr + answer.stdout).decode("utf-8", "replace").split("\n")
    return "".join([line.strip()[:200] for line in lines if line.strip()][-1:]) or f"exit code {answer.code}"


COLLECTOR: Collector = FileCollector(
    every_seconds=EVERY_SECONDS,
    gives=tuple(f"host.disk_{end}" for end in ENDS),
    begin=DiskHealth,
    here_only=True,
)
