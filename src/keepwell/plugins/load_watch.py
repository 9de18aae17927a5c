"""What the devices of a node report while something else goes on: read again and again until it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, failed, unknown
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, texts_of
from keepwell.plugins.bus import known_devices, load_plugins, numbered
from keepwell.plugins.device import BusDevice, Reading, Reads
from keepwell.plugins.place import Place

#: Seconds between two readings: clocks follow the load within some 100 ms, and a reading costs up to half a second.
PAUSE_SECONDS = 0.25
#: Readings that are kept; a generation that is watched ends within half a minute.
SAMPLES = 120


@dataclass(slots=True)
class LoadWatch:
    """The readings of each device so far, or why there are none."""

    samples: dict[Ref, list[Mapping[str, Value | Missing]]] = field(default_factory=dict)
    problems: dict[Ref, Missing] = field(default_factory=dict)


@asynccontextmanager
async def watch_devices(place: Place) -> AsyncIterator[LoadWatch]:
    """Read all devices of the node while the block lasts; at least one reading is whole when it ends.

    Nothing sleeps meanwhile that this could wake: the block is for what uses the devices.
    """
    watch = LoadWatch()
    try:
        here = await known_devices(place)
    except AccessError:
        here = {}
    stop = asyncio.Event()
    task = asyncio.create_task(_read_until(stop, place, here, watch))
    try:
        yield watch
    finally:
        stop.set()
        await task


def summarise(samples: Iterable[Mapping[str, Value | Missing]], engine: str) -> dict[str, Value]:
    """device.under_load of these readings; what no reading told is left out."""
    held = list(samples)
    found: dict[str, Value] = {"engine": engine, "samples": len(held)}
    for name, fold in (
        ("utilisation_ratio", _mean),
        ("clock_hertz", min),
        ("power_watts", max),
        ("temperature_celsius", max),
    ):
        numbers = [find_number(one.get(f"device.{name}")) for one in held]
        told = [one for one in numbers if one is not None]
        if told:
            found[name] = round(fold(told), 4)
    if any(isinstance(one.get("device.throttle"), tuple) for one in held):
        words = [word for one in held for word in texts_of(one.get("device.throttle"))]
        found["throttle"] = tuple(dict.fromkeys(words))
    return found


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


async def _read_until(
    stop: asyncio.Event, place: Place, here: Mapping[str, tuple[BusDevice, ...]], watch: LoadWatch
) -> None:
    while here:
        await _read_once(place, here, watch)
        if stop.is_set() or max(map(len, watch.samples.values()), default=SAMPLES) >= SAMPLES:
            return
        try:
            await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)
        except TimeoutError:
            continue
        return


async def _read_once(place: Place, here: Mapping[str, tuple[BusDevice, ...]], watch: LoadWatch) -> None:
    plugins = load_plugins()
    placed = numbered(place.node.name, here)
    for name, devices in here.items():
        answer = await _ask(plugins[name], devices, place)
        rest: list[Reading] = []
        if not isinstance(answer, Missing):
            rest = list(answer)
        for ref, one in [(ref, one) for ref, plug_in, one in placed if plug_in == name]:
            fitting = [reading for reading in rest if reading.pci == one.pci]
            if not fitting and ":" not in one.pci:
                fitting = rest[:1]
            if fitting:
                watch.samples.setdefault(ref, []).append(fitting[0].values)
                rest.remove(fitting[0])
            elif isinstance(answer, Missing):
                watch.problems[ref] = answer
            else:
                watch.problems[ref] = unknown("the driver does not list this device")


async def _ask(plugin: object, devices: tuple[BusDevice, ...], place: Place) -> tuple[Reading, ...] | Missing:
    if not isinstance(plugin, Reads):
        return unknown("this maker's devices are not read")
    try:
        return await plugin.readings(devices, place.transport)
    except AccessError as error:
        return failed(error)
