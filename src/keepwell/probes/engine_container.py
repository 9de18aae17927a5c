"""An engine's container from inside: its shared memory, and the GPU libraries that programs get there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.device import Device, Ground, KnowsDemands, KnowsDriver
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport
from keepwell.transport.container.way import open_container

#: Where POSIX shared memory lies.
SHM = "/dev/shm"
#: The loader's cache in the container: libraries outside of the usual folders are found by it alone.
LDCONFIG = ("/sbin/ldconfig", "-p")


class EngineContainer:
    """Gives engine.container; absent for an engine that runs in none."""

    level = 2
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.3
    gives: tuple[str, ...] = ("engine.container",)
    needs: tuple[str, ...] = ("host.containers", "device.driver")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation, from files and the loader's cache inside."""
        assert place.site is not None
        name, site = "engine.container", place.site
        if site.supervisor != "container" or not site.unit:
            return [place.saw(name, absent("the engine runs in no container"), "discovery")]
        source = f"container {site.unit}, from inside"
        try:
            inside = await open_container(place.transport, site.unit)
        except AccessError as error:
            return [place.saw(name, failed(error), source)]
        row = _row_of(place, site.unit)
        value: dict[str, Value] = {
            "runtime": inside.engine.runtime,
            "container": inside.name,
            "gpus": text_of(row, "gpus"),
            **await _shared_memory(inside),
            "drivers": tuple([one async for one in _drivers(place, inside, row_of(row.get("environment")))]),
        }
        return [place.saw(name, value, source)]


def _row_of(place: Place, unit: str) -> Mapping[str, Value]:
    rows = rows_of(place.seen.value(place.node, "host.containers"))
    return next((row for row in rows if unit in (text_of(row, "name"), text_of(row, "id")[:12])), {})


async def _shared_memory(inside: Transport) -> dict[str, Value]:
    """Room in /dev/shm; left out where the container has none."""
    try:
        room = await inside.space(SHM)
    except AccessError:
        return {}
    return {"shm_total_bytes": room.total_bytes, "shm_free_bytes": room.free_bytes}


async def _drivers(place: Place, inside: Transport, environment: Mapping[str, Value]) -> AsyncIterator[Value]:
    """What the plug-in of each vendor whose driver is on the node finds inside: the loaded module is the node's."""
    seen = place.seen.value(place.node, "device.driver")
    if isinstance(seen, Missing):
        return
    vendors = {text_of(row, "vendor") for row in rows_of(seen)}
    plugins = [one for one in load_plugins().values() if isinstance(one, Device) and one.title in vendors]
    if not plugins:
        return
    ground = Ground(libraries=await _libraries(inside))
    for plugin in plugins:
        if isinstance(plugin, KnowsDriver):
            found = await plugin.driver(ground, inside)
            yield {
                "vendor": plugin.title,
                "module": found.module,
                "library": found.library,
                "libraries": dict(found.libraries),
                "problem": found.problem,
                **_demands(plugin, environment),
            }


def _demands(plugin: Device, environment: Mapping[str, Value]) -> dict[str, Value]:
    """The compute API that the image says it wants; {} where it or its vendor does not say."""
    if not isinstance(plugin, KnowsDemands):
        return {}
    wanted = plugin.wanted_api({name: str(value) for name, value in environment.items()})
    return {name: text for name, text in (("wanted_api", wanted),) if text}


async def _libraries(inside: Transport) -> tuple[str, ...]:
    """What the loader's cache names; () where the image has no such program or none may be run."""
    try:
        text = (await inside.run(LDCONFIG)).text
    except AccessError:
        return ()
    return tuple(line.rpartition(" => ")[2].strip() for line in text.splitlines() if " => /" in line)


PROBE = EngineContainer()
