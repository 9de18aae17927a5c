"""Drivers of the GPUs that are here: versions of module and library, what is on disk for the running kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, absent, failed
from keepwell.plugins.bus import known_devices, load_plugins
from keepwell.plugins.device import Device, Driver, Ground, KnowsDriver
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Reading the loader's cache takes some milliseconds; the path is full because /sbin is not in everyone's PATH.
LDCONFIG = ("/sbin/ldconfig", "-p")
#: modules.dep of a distribution's kernel is below 1 MB.
MODULES_DEP_BYTES = 4 * 1024 * 1024

_LIBRARY = re.compile(r" => (/\S+)$", re.MULTILINE)


class GpuDriver:
    """Gives device.driver: one row for each vendor that is here or whose module is loaded."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("device.driver",)
    needs: tuple[str, ...] = ("device.list",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation, from files and the loader's cache."""
        source = "/proc/modules, /sys/module, modules.dep, ldconfig -p"
        try:
            here = await known_devices(place)
        except AccessError as error:
            return [place.saw("device.driver", failed(error), source)]
        modules = parse_modules(await _text("/proc/modules", place.transport))
        wanted = {
            name: plugin
            for name, plugin in load_plugins().items()
            if isinstance(plugin, KnowsDriver) and (name in here or loaded_for(plugin, modules))
        }
        if not wanted:
            return [place.saw("device.driver", absent("no GPU and no driver of one is here"), source)]
        ground = await _read_ground(modules, place.transport)
        rows: Value = tuple(
            [
                render_driver(plugin.title, ground.kernel, await plugin.driver(ground, place.transport))
                for plugin in wanted.values()
                if isinstance(plugin, Device) and isinstance(plugin, KnowsDriver)
            ]
        )
        return [place.saw("device.driver", rows, source)]


def loaded_for(plugin: object, modules: Mapping[str, str]) -> bool:
    """True if a kernel module that this plug-in names as its driver is loaded."""
    return isinstance(plugin, Device) and any(name in modules for name in plugin.drivers)


def render_driver(vendor: str, kernel: str, driver: Driver) -> Mapping[str, Value]:
    """A row of device.driver."""
    return {
        "vendor": vendor,
        "kernel": kernel,
        "module": driver.module,
        "library": driver.library,
        "libraries": dict(driver.libraries),
        "api": driver.api,
        "flavour": driver.flavour,
        "loaded": driver.loaded,
        "rivals": driver.rivals,
        "module_file": driver.module_file,
        "built_for": driver.built_for,
        "problem": driver.problem,
    }


def parse_modules(text: str) -> dict[str, str]:
    """/proc/modules: name of each loaded module to its state ("Live", "Loading", "Unloading")."""
    lines = (line.split() for line in text.splitlines())
    return {words[0]: words[4] for words in lines if len(words) >= 5}


def parse_modules_dep(text: str) -> tuple[str, ...]:
    """modules.dep: the path of every module."""
    return tuple(line.partition(":")[0] for line in text.splitlines() if ":" in line)


def parse_library_cache(text: str) -> tuple[str, ...]:
    """`ldconfig -p`: the path of every library, in the order in which the loader prefers them."""
    return tuple(_LIBRARY.findall(text))


async def _read_ground(modules: Mapping[str, str], transport: Transport) -> Ground:
    kernel = (await _text("/proc/sys/kernel/osrelease", transport)).strip()
    try:
        libraries = parse_library_cache((await transport.run(LDCONFIG)).text)
    except AccessError:
        libraries = ()
    return Ground(
        kernel=kernel,
        modules=modules,
        module_files=parse_modules_dep(await _text(f"/lib/modules/{kernel}/modules.dep", transport)),
        libraries=libraries,
    )


async def _text(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path, max_bytes=MODULES_DEP_BYTES)).decode("utf-8", "replace")
    except AccessError:
        return ""


PROBE = GpuDriver()
