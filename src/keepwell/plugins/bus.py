"""Which GPUs and NPUs are on a node: the PCI bus walked through sysfs, other places asked of the plug-ins.

Nothing read here wakes a sleeping device: class, vendor, device, driver link and `power/runtime_status` are
kept by the kernel. (`config` and the link speeds would wake it, and are left alone.)
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, Value
from keepwell.core.ref import Ref, device
from keepwell.core.values import rows_of, text_of
from keepwell.formats.system import parse_pci_names
from keepwell.plugins import registry
from keepwell.plugins.device import ASLEEP, BusDevice, Device, DeviceKind, FindsDevices
from keepwell.plugins.place import Place
from keepwell.transport.base import Transport

PCI = "/sys/bus/pci/devices"
#: PCI classes of display controllers and of processing accelerators.
CLASSES = ("0x03", "0x12")
#: Where distributions keep names of PCI devices; 1.5 MB, read only when a GPU is there.
NAME_FILES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")
KINDS: dict[str, DeviceKind] = {
    "discrete": "discrete",
    "integrated": "integrated",
    "npu": "npu",
    "paravirtual": "paravirtual",
    "soc": "soc",
}


@cache
def load_plugins() -> Mapping[str, Device]:
    """Every device plug-in by name, those whose devices come first in front."""
    found = {name: one for name, one in registry.load_all("devices").items() if isinstance(one, Device)}
    return dict(sorted(found.items(), key=_rank))


async def known_devices(place: Place) -> dict[str, tuple[BusDevice, ...]]:
    """The devices of each plug-in that has any: as an earlier probe of this survey saw them, else looked up now.

    Raises AccessError when the bus cannot be read.
    """
    seen = place.seen.find(place.node, "device.list")
    if seen is not None and isinstance(seen.value, Missing) and seen.value.kind == "absent":
        return {}
    if seen is None or not isinstance(seen.value, tuple):
        return await find_devices(place.transport)
    found: dict[str, tuple[BusDevice, ...]] = {}
    for row in rows_of(seen.value):
        name = text_of(row, "plug_in")
        found[name] = (*found.get(name, ()), device_of(row))
    return found


async def find_devices(transport: Transport) -> dict[str, tuple[BusDevice, ...]]:
    """The devices of each plug-in that has any, each plug-in's in the order of the bus. Raises AccessError."""
    plugins = load_plugins()
    on_bus = await _walk(transport)
    found: dict[str, tuple[BusDevice, ...]] = {}
    for name, plugin in plugins.items():
        mine = [_bus_device(one, plugin) for one in on_bus if one["vendor"] in plugin.pci_vendors]
        if not mine and isinstance(plugin, FindsDevices):
            mine = list(await plugin.find(transport))
        if mine:
            found[name] = tuple(mine)
    return await _named(found, transport)


def numbered(node: str, found: Mapping[str, tuple[BusDevice, ...]]) -> list[tuple[Ref, str, BusDevice]]:
    """Each device with its Ref and its plug-in's name; numbers count through all vendors."""
    pairs = [(name, one) for name, devices in found.items() for one in devices]
    return [(device(node, index), name, one) for index, (name, one) in enumerate(pairs)]


def row_of_device(index: int, plug_in: str, one: BusDevice, drivers: tuple[str, ...]) -> dict[str, Value]:
    """A row of device.list; `device_of` is its inverse. `drivers` are those with which it can compute."""
    return {
        "index": index,
        "pci": one.pci,
        "vendor": one.vendor,
        "plug_in": plug_in,
        "id": one.id,
        "name": one.name,
        "driver": one.driver,
        "driver_wished": "".join(drivers[:1]),
        "computes": one.driver in drivers,
        "power": one.power,
        "kind": one.kind,
    }


def device_of(row: Mapping[str, Value]) -> BusDevice:
    """The device of a row of device.list."""
    return BusDevice(
        pci=text_of(row, "pci"),
        vendor=text_of(row, "vendor"),
        id=text_of(row, "id"),
        name=text_of(row, "name"),
        driver=text_of(row, "driver"),
        power=text_of(row, "power"),
        kind=KINDS.get(text_of(row, "kind"), "discrete"),
    )


async def find_sleeper(devices: Iterable[BusDevice], transport: Transport) -> BusDevice | None:
    """The first of these devices that sleeps at this moment: asked again, since it may have fallen asleep since."""
    for one in devices:
        power = one.power
        if one.pci.count(":") == 2:
            power = await _word(f"{PCI}/{one.pci}/power/runtime_status", transport)
        if power in ASLEEP:
            return one
    return None


async def _walk(transport: Transport) -> list[dict[str, str]]:
    try:
        addresses = await transport.list(PCI)
    except NotThere:
        return []
    classes = await asyncio.gather(*(_word(f"{PCI}/{one}/class", transport) for one in addresses))
    wanted = [(one, word) for one, word in zip(addresses, classes, strict=True) if word.startswith(CLASSES)]
    return [await _look_at(address, word, transport) for address, word in wanted]


async def _look_at(address: str, pci_class: str, transport: Transport) -> dict[str, str]:
    base = f"{PCI}/{address}"
    try:
        driver = posixpath.basename(await transport.link(f"{base}/driver"))
    except AccessError:
        driver = ""
    return {
        "pci": address,
        "class": pci_class,
        "vendor": (await _word(f"{base}/vendor", transport)).removeprefix("0x").lower(),
        "device": (await _word(f"{base}/device", transport)).removeprefix("0x").lower(),
        "power": await _word(f"{base}/power/runtime_status", transport),
        "driver": driver,
    }


def _bus_device(row: Mapping[str, str], plugin: Device) -> BusDevice:
    return BusDevice(
        pci=row["pci"],
        vendor=plugin.title,
        id=f"{row['vendor']}:{row['device']}",
        driver=row["driver"],
        power=row["power"],
        kind=plugin.kind(row["pci"], row["class"]),
    )


async def _named(found: dict[str, tuple[BusDevice, ...]], transport: Transport) -> dict[str, tuple[BusDevice, ...]]:
    ids = {one.id for devices in found.values() for one in devices if one.id}
    if not ids:
        return found
    names: dict[str, str] = {}
    for path in NAME_FILES:
        names = names or parse_pci_names(await _word(path, transport), ids)
    return {plug_in: tuple(_with_name(one, names) for one in devices) for plug_in, devices in found.items()}


def _with_name(one: BusDevice, names: Mapping[str, str]) -> BusDevice:
    return replace(one, name=one.name or names.get(one.id, ""))


async def _word(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path)).decode("utf-8", "replace").strip()
    except AccessError:
        return ""


def _rank(pair: tuple[str, Device]) -> tuple[int, str]:
    return pair[1].rank, pair[0]
