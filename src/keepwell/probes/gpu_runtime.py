"""Whether the compute runtime starts: asked in a child process, and only while every device is awake."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed, unknown
from keepwell.plugins.bus import find_sleeper, known_devices, load_plugins
from keepwell.plugins.device import BusDevice, KnowsRuntime, RuntimeState
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect


class GpuRuntime:
    """Gives device.runtime: a row for each vendor whose runtime answered; Missing when none did."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    #: Usually half of it; ten times it is what a survey waits, and cards without persistence mode take that.
    cost_seconds = 1.0
    gives: tuple[str, ...] = ("device.runtime",)
    needs: tuple[str, ...] = ("device.list",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation. A hang ends at the plug-in's time limit and reads as failed."""
        source = "a child process that initialises the runtime"
        try:
            here = await known_devices(place)
        except AccessError as error:
            return [place.saw("device.runtime", failed(error), source)]
        plugins = load_plugins()
        rows: list[Value] = []
        missing: list[Missing] = []
        for name, devices in here.items():
            state = await _initialise(plugins[name], devices, place)
            if isinstance(state, Missing):
                missing.append(state)
                rows.append({"vendor": plugins[name].title, "missing": state.kind, "reason": state.reason})
            elif state is not None:
                rows.append(render_state(plugins[name].title, state))
        if len(rows) > len(missing):
            return [place.saw("device.runtime", tuple(rows), source)]
        reason = unknown("no device here has a runtime that can be asked")
        if not here:
            reason = absent("no GPU is here")
        missing.append(reason)
        return [place.saw("device.runtime", missing[0], source)]


def render_state(vendor: str, state: RuntimeState) -> Value:
    """A row of device.runtime."""
    return {
        "vendor": vendor,
        "code": state.code,
        "name": state.name,
        "devices": state.devices,
        "version": state.version,
        "seconds": round(state.seconds, 3),
    }


async def _initialise(plugin: object, devices: tuple[BusDevice, ...], place: Place) -> RuntimeState | Missing | None:
    """None if this vendor has no runtime to ask."""
    if not isinstance(plugin, KnowsRuntime):
        return None
    sleeper = await find_sleeper(devices, place.transport)
    if sleeper is not None:
        return unknown(f"not asked, so as not to wake {sleeper.name or sleeper.pci} ({sleeper.pci} is suspended)")
    return await plugin.initialise(place.transport)


PROBE = GpuRuntime()
