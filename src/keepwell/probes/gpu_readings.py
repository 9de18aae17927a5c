"""What each GPU reports now: memory, load, temperature, power, clocks, throttling, processes. Wakes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, failed, unknown
from keepwell.core.ref import Ref, device
from keepwell.core.values import row_of
from keepwell.plugins.bus import find_sleeper, known_devices, load_plugins, numbered
from keepwell.plugins.device import BusDevice, Reading, Reads
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

#: What is observed about every device, in this order; the identity comes besides.
NAMES = (
    "device.memory_total_bytes",
    "device.memory_used_bytes",
    "device.utilisation_ratio",
    "device.temperature_celsius",
    "device.power_watts",
    "device.power_limit_watts",
    "device.power_limit_default_watts",
    "device.clock_hertz",
    "device.throttle",
    "device.processes",
    "device.memory_health",
    "device.link",
    "device.condition",
    "device.partition",
    "device.licence",
)


#: device.condition of one that is on the bus and not in its driver's list.
NOT_LISTED = "not-listed"


class GpuReadings:
    """Gives device.identity and the readings of each device; nothing at all where there is none."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    #: Usually half of it; ten times it is what a survey waits, and cards without persistence mode take that.
    cost_seconds = 1.0
    gives: tuple[str, ...] = ("device.identity", *NAMES)
    needs: tuple[str, ...] = ("device.list",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Every name for every device, Missing with the vendor's reason where it does not tell."""
        try:
            here = await known_devices(place)
        except AccessError:
            return []  # device.list says why
        plugins = load_plugins()
        answers = {name: await _read(plugins[name], devices, place) for name, devices in here.items()}
        observations: list[Observation] = []
        placed = numbered(place.node.name, here)
        for name, answer in answers.items():
            mine = [(ref, one) for ref, plug_in, one in placed if plug_in == name]
            if isinstance(answer, Missing):
                pairs: list[tuple[Ref, BusDevice, Reading]] = [(ref, one, _silent(one, answer)) for ref, one in mine]
            else:
                pairs = pair_up(mine, answer, device(place.node.name, len(placed)))
            for ref, one, reading in pairs:
                observations += _observe(place, ref, one, reading)
        return observations


def pair_up(
    devices: list[tuple[Ref, BusDevice]], readings: Sequence[Reading], beyond: Ref
) -> list[tuple[Ref, BusDevice, Reading]]:
    """Each device with its reading: by address, else in order where device or reading has none.

    A reading without address is of a device that the driver lists and that does not even tell where it is. One
    that fits none is a further device of a channel that shows them all as one (WSL), numbered from `beyond` on;
    beside devices on PCI it is left out.
    """
    by_address = {reading.pci: reading for reading in readings if reading.pci}
    known = {one.pci for _, one in devices}
    rest = [reading for reading in readings if reading.pci not in known]
    pairs: list[tuple[Ref, BusDevice, Reading]] = []
    for ref, one in devices:
        found = by_address.get(one.pci)
        if found is None:
            fitting = [reading for reading in rest if not reading.pci or ":" not in one.pci]
            found = (fitting or [_unlisted(one)])[0]
            rest = [reading for reading in rest if reading is not found]
        pairs.append((ref, one, found))
    if devices and ":" not in devices[0][1].pci:
        start = int(beyond.name)
        pairs += [(device(beyond.node, start + number), devices[0][1], reading) for number, reading in enumerate(rest)]
    return pairs


def render_identity(one: BusDevice, told: Mapping[str, Value]) -> Mapping[str, Value]:
    """device.identity: what the bus shows, and over it what the driver tells."""
    found: dict[str, Value] = {
        "vendor": one.vendor,
        "name": one.name or f"{one.vendor} {one.id or one.pci}",
        "pci": one.pci,
        "id": one.id,
        "driver": one.driver,
        "kind": one.kind,
        "power": one.power,
    }
    found |= {key: value for key, value in told.items() if value != ""}
    return found


def _observe(place: Place, ref: Ref, one: BusDevice, reading: Reading) -> Iterable[Observation]:
    identity = render_identity(one, row_of(reading.values.get("device.identity")))
    yield place.saw("device.identity", identity, reading.source, subject=ref)
    for name in NAMES:
        value = reading.values.get(name, unknown(f"{one.vendor}'s tools are not asked for this"))
        yield place.saw(name, value, reading.source, subject=ref)


def _unlisted(one: BusDevice) -> Reading:
    """A device on the bus that its driver, which lists others or none, leaves out."""
    reading = _silent(one, unknown("the driver does not list this device"))
    return replace(reading, values={**reading.values, "device.condition": NOT_LISTED})


def _silent(one: BusDevice, why: Missing) -> Reading:
    return Reading(pci=one.pci, values=dict.fromkeys(NAMES, why), source="the bus")


async def _read(plugin: object, devices: tuple[BusDevice, ...], place: Place) -> tuple[Reading, ...] | Missing:
    if not isinstance(plugin, Reads):
        return unknown("this maker's devices are not read")
    sleeper = await find_sleeper(devices, place.transport)
    if sleeper is not None:
        return unknown(f"not asked, so as not to wake {sleeper.name or sleeper.pci} ({sleeper.pci} is suspended)")
    try:
        return await plugin.readings(devices, place.transport)
    except AccessError as error:
        return failed(error)


PROBE = GpuReadings()
