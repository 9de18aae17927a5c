"""Apple as a plug-in: the GPU of an M-series chip, or what system_profiler lists on an older Mac."""

from __future__ import annotations

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, failed, unknown
from keepwell.devices._bandwidth import find_bandwidth
from keepwell.devices.apple.readings import parse_displays, parse_statistics, working_set_bytes
from keepwell.devices.apple.watch import AppleWatch
from keepwell.plugins.collector import Looker
from keepwell.plugins.device import Bandwidth, BusDevice, DeviceKind, NodeRule, Reading, Selector
from keepwell.transport.base import Transport

#: A file that every macOS has and nothing else.
SYSTEM = "/System/Library/CoreServices/SystemVersion.plist"
#: sysctl and ioreg take some ten milliseconds, system_profiler up to 2 s.
SECONDS = 5.0
IOREG = ("ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
SYSCTL = ("sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize")


class Apple:
    """`Device` without nodes, modules or variables: Metal is part of the system."""

    title = "Apple"
    rank = 0
    pci_vendors: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ("metal",)
    nodes: tuple[NodeRule, ...] = ()
    selectors: tuple[Selector, ...] = ()
    packages: tuple[str, ...] = ()

    def kind(self, pci: str, pci_class: str) -> DeviceKind:
        """Nothing of theirs is found by the PCI bus."""
        del pci, pci_class
        return "soc"

    async def find(self, transport: Transport) -> tuple[BusDevice, ...]:
        """The chip's GPU, by its name; on a Mac without an M-series chip what system_profiler lists."""
        try:
            await transport.stat(SYSTEM)
        except AccessError:
            return ()
        chip = (await _run(SYSCTL, transport)).partition("\n")[0].strip()
        if chip.startswith("Apple"):
            return (BusDevice(pci="soc", vendor=self.title, name=chip, driver="metal", kind="soc"),)
        names = parse_displays(await _run(("system_profiler", "SPDisplaysDataType", "-json"), transport))
        return tuple(
            BusDevice(pci=f"display{index}", vendor=self.title, name=name, driver="metal")
            for index, name in enumerate(names)
        )

    def bandwidth(self, name: str) -> Bandwidth | None:
        """From the table of cards."""
        return find_bandwidth(name, "apple/bandwidth.toml")

    def watch(self, node: str) -> Looker:
        """ioreg, again and again."""
        return AppleWatch(node)

    async def readings(self, devices: tuple[BusDevice, ...], transport: Transport) -> tuple[Reading, ...] | Missing:
        """Memory in use and load by ioreg; the memory that the GPU may take by sysctl."""
        statistics = parse_statistics(await _run(IOREG, transport))
        if not statistics:
            return failed("ioreg shows no GPU statistics")
        limit = await _run(("sysctl", "-n", "iogpu.wired_limit_mb"), transport)
        memory = (await _run(SYSCTL, transport)).strip().rpartition("\n")[2]
        values: dict[str, Value | Missing] = {
            "device.identity": {},
            "device.memory_total_bytes": working_set_bytes(memory, limit),
            "device.temperature_celsius": unknown("macOS tells it to root alone"),
            "device.power_watts": unknown("macOS tells it to root alone"),
            "device.throttle": unknown("macOS tells it to root alone"),
        }
        return tuple(Reading(pci=one.pci, values=values | statistics, source=" ".join(IOREG)) for one in devices[:1])


async def _run(argv: tuple[str, ...], transport: Transport) -> str:
    try:
        return (await transport.run(argv, timeout_seconds=SECONDS)).text
    except AccessError:
        return ""
