"""GPUs and NPUs on the bus, and the variables that choose among them. Wakes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, absent, failed
from keepwell.plugins.bus import PCI, find_devices, load_plugins, numbered, row_of_device
from keepwell.plugins.device import BusDevice, Device
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect


class GpuBus:
    """Gives device.list and device.selectors; absent, with the vendors that were looked for, where there is none."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = ("device.list", "device.selectors")
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Both; from sysfs, and for what is not on PCI from what the plug-ins know."""
        try:
            found = await find_devices(place.transport)
        except AccessError as error:
            return [place.saw(name, failed(error), PCI) for name in self.gives]
        plugins = load_plugins()
        if not found:
            titles = ", ".join(sorted(one.title for one in plugins.values()))
            reason = absent(f"no GPU or NPU of these makers is here: {titles}")
            return [place.saw(name, reason, PCI) for name in self.gives]
        rows: Value = tuple(
            row_of_device(int(ref.name), name, one, plugins[name].drivers)
            for ref, name, one in numbered(place.node.name, found)
        )
        return [
            place.saw("device.list", rows, PCI),
            place.saw("device.selectors", list_selectors(found, plugins), "what the makers' runtimes read"),
        ]


def list_selectors(found: Mapping[str, tuple[BusDevice, ...]], plugins: Mapping[str, Device]) -> Value:
    """The variables that choose devices of the vendors that are here, as rows."""
    return tuple(
        {
            "variable": selector.name,
            "vendor": plugins[name].title,
            "hiding": selector.hiding,
            "by_index": selector.by_index,
            "by_uuid": selector.by_uuid,
        }
        for name in found
        for selector in plugins[name].selectors
    )


PROBE = GpuBus()
