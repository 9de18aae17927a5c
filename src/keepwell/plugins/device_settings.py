"""Settings of devices that are lost when the driver lets go of them, or at a boot: what a device plug-in says of them.

A setting has a name and a value as text: "persistence" is on or off, "power_limit_watts" a number, "compute_mode" one
of the vendor's words in small letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, runtime_checkable

from keepwell.core.observation import Missing, absent, failed
from keepwell.plugins.bus import CLASSES, PCI, load_plugins
from keepwell.plugins.device import ASLEEP, Device
from keepwell.plugins.whole_file import find_content
from keepwell.plugins.wish import Looked, Needs
from keepwell.transport.base import Ran

PERSISTENCE, POWER_LIMIT, COMPUTE_MODE = "persistence", "power_limit_watts", "compute_mode"
ON_OFF = {True: "on", False: "off"}
#: What is looked at of a function on the bus.
FACTS = ("class", "vendor", "power/runtime_status")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """The settings of one device as they are: `values` by name, Missing where it has no such setting, and why.

    It is meant by its number, its `uuid` or its bus address. `ranges` are the least and the most of a number.
    """

    index: str
    uuid: str
    pci: str
    name: str = ""
    values: Mapping[str, str | Missing] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def is_meant(self, word: str) -> bool:
        """Whether this is the device of this number, uuid or bus address."""
        return word.lower() in (self.index, self.uuid.lower(), self.pci.lower())


class DeviceSettings(Protocol):
    """How a vendor's settings are looked at and set.

    `look` is a command that changes nothing; it may wake a device, so that it is run only while all of them are awake.
    `units` have to be up before anything is set at boot.
    """

    look: tuple[str, ...]
    units: tuple[str, ...]

    def parse(self, ran: Ran) -> tuple[DeviceState, ...] | Missing:
        """What the command said, pure."""
        ...

    def set(self, uuid: str, name: str, value: str) -> tuple[str, ...]:
        """The command that sets it, of every device where `uuid` is ""; doing it twice is doing it once. Pure."""
        ...


@runtime_checkable
class KeepsSettings(Protocol):
    """A vendor whose devices have such settings."""

    pci_vendors: tuple[str, ...]
    settings: DeviceSettings


@cache
def load_settings() -> Mapping[str, tuple[Device, DeviceSettings]]:
    """Every device plug-in that has settings, by its name."""
    return {name: (one, one.settings) for name, one in load_plugins().items() if isinstance(one, KeepsSettings)}


@dataclass(frozen=True, slots=True)
class SettableDevice:
    """A device, and how its settings are set."""

    settings: DeviceSettings
    state: DeviceState


def settings_needs(looked: Looked) -> Needs:
    """What to look at: the bus, what is on it, then the vendor's own word, but only while none of its cards sleeps."""
    if not _addresses(looked):
        return Needs(folders=(PCI,))
    here = _find_vendors(looked)
    looks = [one.look for vendor, one in _by_vendor().items() if vendor in here and not here[vendor]]
    paths = tuple(f"{PCI}/{one}/{fact}" for one in _addresses(looked) for fact in FACTS)
    return Needs(paths=paths, folders=(PCI,), commands=tuple(looks))


def find_settable(looked: Looked) -> tuple[SettableDevice, ...] | Missing:
    """The devices that have settings; Missing where there is none, one sleeps, or they cannot be asked."""
    here = {vendor: asleep for vendor, asleep in _find_vendors(looked).items() if vendor in _by_vendor()}
    if not here:
        return absent("no GPU is here whose settings can be kept")
    if any(here.values()):
        return failed("a GPU sleeps, and asking for its settings would wake it: look again while it works")
    found: list[SettableDevice] = []
    for vendor in here:
        settings = _by_vendor()[vendor]
        ran = looked.ran.get(settings.look, failed("nobody asked for the settings"))
        if isinstance(ran, Missing):
            return ran
        states = settings.parse(ran)
        if isinstance(states, Missing):
            return states
        found += [SettableDevice(settings, state) for state in states]
    return tuple(found)


def _by_vendor() -> Mapping[str, DeviceSettings]:
    """By the vendor's number on the bus."""
    return {vendor: settings for plugin, settings in load_settings().values() for vendor in plugin.pci_vendors}


def _find_vendors(looked: Looked) -> Mapping[str, bool]:
    """Vendors of cards on the bus, and whether one of their cards sleeps."""
    found: dict[str, bool] = {}
    for address in _addresses(looked):
        pci_class, vendor, power = (_word(looked, f"{PCI}/{address}/{fact}") for fact in FACTS)
        if pci_class.startswith(CLASSES):
            vendor = vendor.removeprefix("0x")
            found[vendor] = found.get(vendor, False) or power in ASLEEP
    return found


def _addresses(looked: Looked) -> tuple[str, ...]:
    addresses = looked.names.get(PCI, ())
    if isinstance(addresses, Missing):
        return ()
    return addresses


def _word(looked: Looked, path: str) -> str:
    content = find_content(looked, path)
    if isinstance(content, Missing):
        return ""
    return content.decode("utf-8", "replace").strip().lower()
