"""Memory, swap, and how long tasks wait for them (pressure stall information)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.formats.darwin import parse_swapusage, parse_vm_stat
from keepwell.formats.memory import parse_meminfo, parse_pressure
from keepwell.formats.number import find_whole
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

MEMINFO = "/proc/meminfo"
TOPICS = ("cpu", "memory", "io")
NAMES = (
    "host.memory_total_bytes",
    "host.memory_available_bytes",
    "host.swap_total_bytes",
    "host.swap_used_bytes",
)
NO_PRESSURE = absent("this kernel keeps no pressure stall information")


class HostMemory:
    """Gives four sizes in bytes and host.pressure (absent where the kernel does not keep it)."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.01
    gives: tuple[str, ...] = (*NAMES, "host.pressure")
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """All five."""
        pressure = await _pressure(place.transport)
        try:
            fields = parse_meminfo((await place.transport.read(MEMINFO)).decode("ascii", "replace"))
            sizes, source = sizes_of(fields), MEMINFO
        except NotThere:
            sizes, source = await _darwin(place.transport), "sysctl hw.memsize vm.swapusage, vm_stat"
        except AccessError as error:
            sizes, source = dict.fromkeys(NAMES, failed(error)), MEMINFO
        found = [place.saw(name, sizes[name], source) for name in NAMES]
        return [*found, place.saw("host.pressure", pressure, "/proc/pressure")]


def sizes_of(fields: dict[str, int]) -> dict[str, Value | Missing]:
    """The four sizes from the fields of /proc/meminfo. Kernels before 3.14 do not tell what is available."""
    told = failed("/proc/meminfo does not tell it")
    swap: Value | Missing = told
    if "SwapTotal" in fields and "SwapFree" in fields:
        swap = fields["SwapTotal"] - fields["SwapFree"]
    return {
        "host.memory_total_bytes": fields.get("MemTotal", told),
        "host.memory_available_bytes": fields.get("MemAvailable", told),
        "host.swap_total_bytes": fields.get("SwapTotal", told),
        "host.swap_used_bytes": swap,
    }


async def _pressure(transport: Transport) -> Value | Missing:
    found: dict[str, Value] = {}
    for topic in TOPICS:
        try:
            ratios = parse_pressure((await transport.read(f"/proc/pressure/{topic}")).decode("ascii", "replace"))
        except NotThere:
            continue
        except AccessError:
            continue  # EOPNOTSUPP: built in, and switched off at boot
        found[topic] = dict(ratios)
    return found or NO_PRESSURE


async def _darwin(transport: Transport) -> dict[str, Value | Missing]:
    told = failed("neither /proc/meminfo nor sysctl tells it")
    found: dict[str, Value | Missing] = dict.fromkeys(NAMES, told)
    memory = find_whole(await _output(("sysctl", "-n", "hw.memsize"), transport))
    if memory is not None:
        found["host.memory_total_bytes"] = memory
    available = parse_vm_stat(await _output(("vm_stat",), transport))
    if available is not None:
        found["host.memory_available_bytes"] = available
    swap = parse_swapusage(await _output(("sysctl", "-n", "vm.swapusage"), transport))
    if {"total", "used"} <= swap.keys():
        found |= {"host.swap_total_bytes": swap["total"], "host.swap_used_bytes": swap["used"]}
    return found


async def _output(argv: tuple[str, ...], transport: Transport) -> str:
    try:
        return (await transport.run(argv)).text
    except AccessError:
        return ""


PROBE = HostMemory()
