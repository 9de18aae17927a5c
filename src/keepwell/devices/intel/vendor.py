"""Intel as a plug-in: GPUs in processors, cards and NPUs."""

from __future__ import annotations

from functools import cache

from keepwell.core.observation import Missing
from keepwell.devices._bandwidth import find_bandwidth
from keepwell.devices._lines import LinePattern, load_patterns, load_table, parse_line
from keepwell.devices.intel.readings import read_devices
from keepwell.devices.intel.watch import IntelWatch, NpuWatch
from keepwell.plugins.collector import Looker
from keepwell.plugins.device import (
    Bandwidth,
    BusDevice,
    ContainerRights,
    DeviceError,
    DeviceKind,
    Driver,
    Ground,
    NodeRule,
    Reading,
    Selector,
)
from keepwell.plugins.device_sharing import Sharing
from keepwell.transport.base import Transport

#: Where every processor of theirs has its own GPU.
INTEGRATED = "0000:00:02."


class Intel:
    """`Device` that reads sysfs; computing needs a render node."""

    title = "Intel"
    rank = 2
    pci_vendors: tuple[str, ...] = ("8086",)
    drivers: tuple[str, ...] = ("i915", "xe", "intel_vpu")
    nodes: tuple[NodeRule, ...] = (
        NodeRule(folder="/dev/dri", pattern=r"renderD\d+", example="/dev/dri/renderD128", drivers=("drm",)),
        NodeRule(
            folder="/dev/accel",
            pattern=r"accel\d+",
            example="/dev/accel/accel0",
            drivers=("accel",),
            kinds=("npu",),
            required=False,
        ),
    )
    container_rights = ContainerRights(toolkit="oneapi", nodes=("/dev/dri",), groups=("video", "render"))
    #: Computing needs the render node alone (dgpu-docs.intel.com, containers).
    sharing = Sharing(
        kind="intel.com/gpu",
        nodes=("/dev/dri",),
        groups=("video", "render"),
        images=("oneapi", "ipex", "intel"),
    )
    selectors: tuple[Selector, ...] = (
        Selector(name="ONEAPI_DEVICE_SELECTOR", hiding=("opencl:cpu", "*:cpu", "!*:gpu", "!level_zero:*")),
        Selector(name="ZE_AFFINITY_MASK", by_index=True),
    )
    packages: tuple[str, ...] = ("intel-opencl", "intel-level-zero", "libze", "level-zero", "intel-compute-runtime")

    def kind(self, pci: str, pci_class: str) -> DeviceKind:
        """Class 0x12 is the NPU; the processor's own GPU always sits at 00:02."""
        if pci_class.startswith("0x12"):
            return "npu"
        if pci.startswith(INTEGRATED):
            return "integrated"
        return "discrete"

    async def driver(self, ground: Ground, transport: Transport) -> Driver:
        """Which modules are loaded; they come with the kernel and have no version of their own."""
        del transport
        return Driver(
            flavour="open",
            loaded=tuple(name for name in self.drivers if name in ground.modules),
            module_file="".join([path for path in ground.module_files if "/xe.ko" in path or "/i915.ko" in path][:1]),
        )

    def bandwidth(self, name: str) -> Bandwidth | None:
        """From the table of cards."""
        return find_bandwidth(name, "intel/bandwidth.toml")

    async def readings(self, devices: tuple[BusDevice, ...], transport: Transport) -> tuple[Reading, ...] | Missing:
        """sysfs, and xpu-smi for cards."""
        return await read_devices(devices, transport)

    def watch(self, node: str) -> Looker:
        """The files of its kernel driver, while a device is awake."""
        return IntelWatch(node)

    def watch_npus(self, node: str) -> Looker:
        """The files of the NPU's driver, while it is awake."""
        return NpuWatch(node)

    def parse_error(self, line: str) -> DeviceError | None:
        """Lines of i915 and xe."""
        if "i915" not in line and "xe" not in line:
            return None
        return parse_line(line, _patterns())


@cache
def _patterns() -> tuple[LinePattern, ...]:
    return load_patterns(load_table("intel/intel.toml")["line"])
