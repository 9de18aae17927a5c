"""How fast memory can be read: of each GPU as its maker states it, of the processor as its modules allow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed, unknown
from keepwell.core.values import row_of, text_of
from keepwell.formats.memory_modules import bytes_per_second, count_channels, parse_memory_modules
from keepwell.plugins.bus import known_devices, load_plugins, numbered
from keepwell.plugins.device import KnowsBandwidth
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

DMIDECODE = ("dmidecode", "-t", "17")


class MemoryBandwidth:
    """Gives device.bandwidth about each device, and host.memory_bandwidth."""

    level = 4
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("device.bandwidth", "host.memory_bandwidth")
    needs: tuple[str, ...] = ("device.list", "device.identity")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One for each device, Missing where its name is in no table, and one for the node."""
        return [*await _devices(place), await _modules(place)]


async def _devices(place: Place) -> list[Observation]:
    try:
        here = await known_devices(place)
    except AccessError:
        return []  # device.list says why
    plugins = load_plugins()
    made = []
    for ref, plug_in, one in numbered(place.node.name, here):
        name = text_of(row_of(place.seen.value(ref, "device.identity")), "name") or one.name
        plugin = plugins[plug_in]
        found = None
        if isinstance(plugin, KnowsBandwidth):
            found = plugin.bandwidth(name)
        value: Value | Missing = absent(f"no table holds the memory bandwidth of {name or 'a device without a name'}")
        if found is not None:
            value = {"bytes_per_second": found.bytes_per_second, "source": found.source}
        made.append(place.saw("device.bandwidth", value, "tables of devices", subject=ref))
    return made


async def _modules(place: Place) -> Observation:
    source = " ".join(DMIDECODE)
    try:
        ran = await place.transport.run(DMIDECODE)
    except AccessError as error:
        return place.saw("host.memory_bandwidth", failed(error), source)
    modules = parse_memory_modules(ran.text)
    if not modules:
        reason = unknown("the firmware's table names no memory module with a speed (a virtual machine, or not root)")
        return place.saw("host.memory_bandwidth", reason, source)
    value: dict[str, Value] = {
        "bytes_per_second": bytes_per_second(modules),
        "channels": count_channels(modules),
        "megatransfers_per_second": min(one.megatransfers for one in modules),
        "source": "the modules in the firmware's table",
    }
    return place.saw("host.memory_bandwidth", value, source)


PROBE = MemoryBandwidth()
