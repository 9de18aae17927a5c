"""Devices looked at again and again: which there are and what number each has, and when they must be let alone.

The no-wake rule of collectors, for every maker alike: a suspended device is not asked; and one that may suspend by
itself and that nobody computes on is asked so seldom that it falls asleep in between, since being asked counts as use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, cast, runtime_checkable

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, unknown
from keepwell.core.ref import device
from keepwell.plugins import registry
from keepwell.plugins.bus import CLASSES, PCI, load_plugins
from keepwell.plugins.collector import Looker, Moment, Sight
from keepwell.plugins.device import ASLEEP, DeviceKind

#: Attributes of sysfs are at most one page.
ATTRIBUTE_BYTES = 4096
#: Seconds between two walks over the bus: cards come and go with hot plugging and with their driver.
WALK_SECONDS = 60.0
#: Looks that each walk it at first: what a sight over a connection is asked for is there at the next look only.
EAGER_LOOKS = 5
#: Seconds that a device at rest is let alone. It must be longer than any driver waits before it suspends:
#: amdgpu 5 s, i915 10 s (their autosuspend_delay_ms); an NVIDIA card was seen to follow 6 s after the last use.
REST_SECONDS = 30.0

SLEEPS = unknown("it is suspended, and asking would wake it")
RESTS = unknown(f"nobody computes on it: asked every {REST_SECONDS:g} s only, so that it can fall asleep")


@runtime_checkable
class Watches(Protocol):
    """A vendor whose devices can be looked at again and again; the collector of its name does."""

    def watch(self, node: str) -> Looker:
        """Begin to watch its devices on this node. Costs nothing by itself."""
        ...


@runtime_checkable
class WatchesNpus(Protocol):
    """A vendor whose NPUs can be looked at again and again; the collector of NPUs does."""

    def watch_npus(self, node: str) -> Looker:
        """Begin to watch its NPUs on this node. Costs nothing by itself."""
        ...


class Watched(NamedTuple):
    """A device on the bus: the text of its Ref, its address and kind."""

    subject: str
    pci: str
    kind: DeviceKind


def watch(plug_in: str, node: str) -> Looker:
    """A look at the devices of this plug-in, which must be able to."""
    return cast(Watches, registry.load("devices", plug_in)).watch(node)


def watch_npus(node: str) -> tuple[Looker, ...]:
    """A look at the NPUs of every plug-in that can."""
    return tuple(one.watch_npus(node) for one in load_plugins().values() if isinstance(one, WatchesNpus))


def read_word(sight: Sight, path: str) -> str:
    """The text of an attribute without white space at its ends; "" if it cannot be read."""
    try:
        return sight.read(path, max_bytes=ATTRIBUTE_BYTES).decode("utf-8", "replace").strip()
    except AccessError:
        return ""


def names_in(sight: Sight, folder: str) -> tuple[str, ...]:
    """Names in a folder; () if it is not there or may not be read."""
    try:
        return sight.names(folder)
    except AccessError:
        return ()


class Bus:
    """The devices of one plug-in as the PCI bus shows them, with the numbers that a survey gives them.

    A walk reads what the kernel keeps of every device (class and vendor), and wakes none. Over a connection it takes
    some looks, since each asks for what the one before has found; meanwhile the devices stay as they were.
    """

    def __init__(self, node: str, plug_in: str) -> None:
        self._node, self._plug_in = node, plug_in
        self._walked = float("-inf")
        self._tries = 0
        self._found: tuple[Watched, ...] = ()

    def devices(self, sight: Sight, moment: Moment) -> tuple[Watched, ...]:
        """Its devices in the order of the bus; walked now and then, else as at the last walk."""
        if moment.clock - self._walked >= WALK_SECONDS:
            self._tries += 1
            rows = _walk(sight)
            whole = bool(rows) and all(pci_class and vendor for _, pci_class, vendor in rows)
            if whole or self._tries > EAGER_LOOKS:
                self._walked, self._tries = moment.clock, 0
                self._found = tuple(self._number(rows))
        return self._found

    def _number(self, rows: Iterable[tuple[str, str, str]]) -> Iterable[Watched]:
        computing = [row for row in rows if row[1].startswith(CLASSES)]
        number = 0
        for name, plug_in in load_plugins().items():
            for pci, pci_class, vendor in computing:
                if vendor not in plug_in.pci_vendors:
                    continue
                if name == self._plug_in:
                    yield Watched(str(device(self._node, number)), pci, plug_in.kind(pci, pci_class))
                number += 1


def _walk(sight: Sight) -> list[tuple[str, str, str]]:
    """Address, class and vendor of every device; class and vendor are "" where they cannot be read."""
    return [
        (
            pci,
            read_word(sight, f"{PCI}/{pci}/class"),
            read_word(sight, f"{PCI}/{pci}/vendor").removeprefix("0x").lower(),
        )
        for pci in names_in(sight, PCI)
    ]


def is_asleep(sight: Sight, pci: str) -> bool:
    """True while touching the device of this address would wake it."""
    return read_word(sight, f"{PCI}/{pci}/power/runtime_status") in ASLEEP


def may_sleep(sight: Sight, pci: str) -> bool:
    """True if the kernel suspends this device when nobody uses it, or that cannot be told just now."""
    control = read_word(sight, f"{PCI}/{pci}/power/control")
    if control:
        return control == "auto"
    return read_word(sight, f"{PCI}/{pci}/power/runtime_status") != ""


@dataclass(slots=True)
class Rest:
    """When a device may be asked: `why_not` before each look, `asked` after those in which it was."""

    _until: dict[str, float] = field(default_factory=dict)
    _may: dict[str, bool] = field(default_factory=dict)

    def why_not(self, sight: Sight, pci: str, moment: Moment) -> Missing | None:
        """Why this device must be let alone now, or None."""
        self._may[pci] = may_sleep(sight, pci)
        if is_asleep(sight, pci):
            self._until.pop(pci, None)
            return SLEEPS
        if moment.clock < self._until.get(pci, moment.clock):
            return RESTS
        return None

    def may_sleep(self, pci: str) -> bool:
        """Whether a device could fall asleep, as it was when `why_not` was asked."""
        return self._may.get(pci, True)

    def asked(self, pci: str, moment: Moment, *, busy: bool) -> bool:
        """Note that it was asked, and whether somebody computes on it; True if it now rests."""
        if busy or not self.may_sleep(pci):
            self._until.pop(pci, None)
            return False
        self._until[pci] = moment.clock + REST_SECONDS
        return True
