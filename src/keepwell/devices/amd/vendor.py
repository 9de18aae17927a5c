"""AMD as a plug-in: its numbers on the bus, nodes, variables, packages, and where the rest is asked."""

from __future__ import annotations

from functools import cache

from keepwell.core.observation import Missing
from keepwell.devices._bandwidth import find_bandwidth
from keepwell.devices._lines import LinePattern, load_patterns, load_table, parse_line
from keepwell.devices._sysfs import read_word
from keepwell.devices.amd.readings import read_devices
from keepwell.devices.amd.watch import AmdWatch
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


class Amd:
    """`Device` that reads sysfs; computing needs /dev/kfd and a render node."""

    title = "AMD"
    rank = 1
    pci_vendors: tuple[str, ...] = ("1002",)
    drivers: tuple[str, ...] = ("amdgpu",)
    nodes: tuple[NodeRule, ...] = (
        NodeRule(folder="/dev", pattern="kfd", example="/dev/kfd", drivers=("kfd",)),
        NodeRule(folder="/dev/dri", pattern=r"renderD\d+", example="/dev/dri/renderD128", drivers=("drm",)),
    )
    container_rights = ContainerRights(toolkit="rocm", nodes=("/dev/kfd", "/dev/dri"), groups=("video", "render"))
    #: rocm.docs.amd.com, "Running ROCm Docker containers": both nodes, and the groups where the container is not root.
    sharing = Sharing(
        kind="amd.com/gpu",
        nodes=("/dev/kfd", "/dev/dri"),
        groups=("video", "render"),
        images=("rocm",),
    )
    selectors: tuple[Selector, ...] = (
        Selector(name="HIP_VISIBLE_DEVICES", hiding=("", "-1"), by_index=True),
        Selector(name="ROCR_VISIBLE_DEVICES", hiding=("", "-1"), by_index=True, by_uuid=True),
        Selector(name="GPU_DEVICE_ORDINAL", hiding=("-1",), by_index=True),
    )
    packages: tuple[str, ...] = ("amdgpu", "rocm", "hip-", "libhsa", "libdrm-amdgpu", "firmware-amd", "linux-firmware")

    def kind(self, pci: str, pci_class: str) -> DeviceKind:
        """Their processors' own GPUs cannot be told from cards by address and class."""
        del pci, pci_class
        return "discrete"

    async def driver(self, ground: Ground, transport: Transport) -> Driver:
        """The module (with a version only when it comes from AMD's own package) and the ROCm release."""
        version = await read_word("/sys/module/amdgpu/version", transport)
        rocm = await read_word("/opt/rocm/.info/version", transport)
        libraries = {"/opt/rocm/.info/version": rocm}
        return Driver(
            module=_word(version),
            api=_word(rocm),
            libraries={path: word for path, word in libraries.items() if isinstance(word, str)},
            flavour="open",
            loaded=tuple(name for name in ("amdgpu", "amdkfd") if name in ground.modules),
            module_file="".join([path for path in ground.module_files if "/amdgpu.ko" in path][:1]),
        )

    def bandwidth(self, name: str) -> Bandwidth | None:
        """From the table of cards."""
        return find_bandwidth(name, "amd/bandwidth.toml")

    async def readings(self, devices: tuple[BusDevice, ...], transport: Transport) -> tuple[Reading, ...] | Missing:
        """sysfs, else rocm-smi."""
        return await read_devices(devices, transport)

    def watch(self, node: str) -> Looker:
        """The files of its kernel driver, while a device is awake."""
        return AmdWatch(node)

    def parse_error(self, line: str) -> DeviceError | None:
        """Lines of amdgpu and its compute part."""
        if "amdgpu" not in line and "kfd" not in line:
            return None
        return parse_line(line, _patterns())


def _word(word: str | Missing) -> str:
    if isinstance(word, Missing):
        return ""
    return word


@cache
def _patterns() -> tuple[LinePattern, ...]:
    return load_patterns(load_table("amd/amd.toml")["line"])
