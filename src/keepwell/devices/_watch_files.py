"""Watching devices whose kernel driver shows its numbers as small files: which, how often, and when not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent, unknown
from keepwell.core.series import Reading, SeriesKey
from keepwell.plugins.bus import PCI
from keepwell.plugins.collector import Moment, Sight
from keepwell.plugins.device import DeviceKind
from keepwell.plugins.drm_clients import DrmClients
from keepwell.plugins.watching import ATTRIBUTE_BYTES, EAGER_LOOKS, Bus, Rest, Watched, is_asleep, names_in, read_word

GPUS: tuple[DeviceKind, ...] = ("discrete", "integrated", "paravirtual", "soc")
#: Seconds after which a file that was not there is looked for again.
AGAIN_SECONDS = 60.0
FIRST = unknown("it is how fast a counter grew since the look before")
NO_FILE = absent("its driver shows no such file")
#: Turns a file's text into a number in base units; raises ValueError for what is none.
Turn: TypeAlias = Callable[[str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNumber:
    """A series and where it may stand: paths below the device's folder, the first that is there counts. `{hwmon}` is
    its sensors' folder, `{card}` its folder of the graphics subsystem. Of a `binary` file each byte is a character.
    """

    name: str
    paths: tuple[str, ...]
    turn: Turn
    labels: tuple[tuple[str, str], ...] = ()
    every_seconds: float = 0.0
    binary: bool = False


@dataclass(slots=True)
class _Number:
    """One series of one device: the path that it was found at, what it said last, when to look again, and how often in
    a row it was not there.
    """

    key: SeriesKey
    said: float | Missing = NO_FILE
    path: str = ""
    due: float = 0.0
    missed: int = 0


@dataclass(slots=True)
class _Device:
    """What is kept of one device between looks."""

    folder: str
    numbers: list[_Number]
    looks: int = 0
    places: dict[str, str] = field(default_factory=dict)


class FilesWatch:
    """`Looker` for the devices of one plug-in that are of these kinds. A suspended device's files are not read; one
    that may suspend and that nobody computes on is let alone for a while after each look.
    """

    def __init__(
        self, node: str, plug_in: str, numbers: Sequence[FileNumber], *, kinds: tuple[DeviceKind, ...] = GPUS
    ) -> None:
        self._bus = Bus(node, plug_in)
        self._numbers = tuple(numbers)
        self._kinds = kinds
        self._rest = Rest()
        self._devices: dict[str, _Device] = {}
        self.clients = DrmClients()

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """Every series of every device."""
        found: list[Reading] = []
        devices = [one for one in self._bus.devices(sight, moment) if one.kind in self._kinds]
        if devices:
            self.clients.look(sight, moment)
        for one in devices:
            found.append((SeriesKey("device.asleep", one.subject), float(is_asleep(sight, one.pci))))
            found += self._tell(sight, one, moment)
            found += self.shares(sight, one)
        return found

    def close(self) -> None:
        """Nothing is held."""

    def shares(self, sight: Sight, one: Watched) -> Iterable[Reading]:
        """What the processes that matter have of a device."""
        del sight
        return self.clients.readings(one.subject, one.pci)

    def computes(self, sight: Sight, one: Watched) -> bool:
        """True if somebody computes on a device; read from what wakes nothing."""
        del sight
        return one.pci in self.clients.worked

    def _tell(self, sight: Sight, one: Watched, moment: Moment) -> Iterable[Reading]:
        device = self._devices.get(one.subject)
        if device is None or not device.folder.endswith(one.pci):
            device = self._devices[one.subject] = self._meet(one)
        why = self._rest.why_not(sight, one.pci, moment)
        if why is not None:
            return [(number.key, why) for number in device.numbers]
        _find_places(sight, device)
        for number, wanted in zip(device.numbers, self._numbers, strict=True):
            if moment.clock >= number.due:
                _read(sight, device, number, wanted, moment.clock)
        self._rest.asked(one.pci, moment, busy=self.computes(sight, one))
        return [(number.key, number.said) for number in device.numbers]

    def _meet(self, one: Watched) -> _Device:
        keys = [SeriesKey(number.name, one.subject, number.labels) for number in self._numbers]
        return _Device(f"{PCI}/{one.pci}", [_Number(key) for key in keys])


def _find_places(sight: Sight, device: _Device) -> None:
    """Its sensors' and its card's folder. At first they are looked for again and again: a sight over a connection has
    them only after it was asked.
    """
    device.looks += 1
    if device.looks > EAGER_LOOKS:
        return
    device.places = {
        "hwmon": "hwmon/" + "".join(names_in(sight, f"{device.folder}/hwmon")[:1]),
        "card": "drm/"
        + "".join([name for name in names_in(sight, f"{device.folder}/drm") if name.startswith("card")][:1]),
    }


def _read(sight: Sight, device: _Device, number: _Number, wanted: FileNumber, clock: float) -> None:
    number.due = clock + wanted.every_seconds
    paths = [f"{device.folder}/{path.format(**device.places)}" for path in wanted.paths]
    for path in [path for path in (number.path,) if path] or paths:
        word = _READS[wanted.binary](sight, path)
        if not word:
            continue
        number.path, number.missed = path, 0
        try:
            number.said = wanted.turn(word)
        except ValueError:
            number.said = absent(f"{path} holds nothing that is read here: {word[:40]!r}")
        return
    _miss(number, clock)


def _miss(number: _Number, clock: float) -> None:
    """It is not there. Over a connection that may be because it was not asked for at the look before: what it said
    stays for one more look, and it is tried again at once for some.
    """
    number.missed += 1
    number.due = clock
    if number.missed > 1:
        number.said, number.path = NO_FILE, ""
    if number.missed > EAGER_LOOKS:
        number.due = clock + AGAIN_SECONDS


def _read_bytes(sight: Sight, path: str) -> str:
    try:
        return sight.read(path, max_bytes=ATTRIBUTE_BYTES).decode("latin-1")
    except AccessError:
        return ""


_READS = {False: read_word, True: _read_bytes}


def times(factor: float) -> Turn:
    """A turn of whole numbers into so many base units each."""

    def turn(word: str) -> float:
        return int(word) * factor

    return turn


class Growth:
    """How fast counters grow, per second, from one look to the next."""

    def __init__(self) -> None:
        self._earlier: dict[str, tuple[float, float]] = {}

    def rate(self, subject: str, count: float | Missing, clock: float) -> float | Missing:
        """Per second since the look before; unknown at the first look and after the counter began again."""
        if isinstance(count, Missing):
            self._earlier.pop(subject, None)
            return count
        before, since = self._earlier.get(subject, (count, clock))
        self._earlier[subject] = count, clock
        if clock <= since or count < before:
            return FIRST
        return (count - before) / (clock - since)
