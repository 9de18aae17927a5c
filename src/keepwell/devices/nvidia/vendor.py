"""NVIDIA as a plug-in: its numbers on the bus, nodes, variables, packages, and where the rest is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.devices._bandwidth import find_bandwidth
from keepwell.devices._child import CANNOT_ASK
from keepwell.devices.nvidia.cuda import initialise
from keepwell.devices.nvidia.driver import look_at_driver
from keepwell.devices.nvidia.errors import parse_error
from keepwell.devices.nvidia.nvml import name_reasons, read_nvml
from keepwell.devices.nvidia.settings import NvidiaSettings
from keepwell.devices.nvidia.smi import read_smi
from keepwell.devices.nvidia.watch import NvmlWatch
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
    RuntimeState,
    Selector,
)
from keepwell.plugins.device_sharing import Sharing
from keepwell.transport.base import Transport

#: `cuda>=12.8 brand=unknown,driver>=...`; and the release that a base image of CUDA was built with.
_DEMAND = re.compile(r"\bcuda>=(\d{1,3}\.\d{1,3})")
_BUILT = re.compile(r"(\d{1,3}\.\d{1,3})(?:\.\d{1,4})?$")


class Nvidia:
    """`Device` with every capability. Majors of the nodes: 195 is fixed, that of uvm is given at boot."""

    title = "NVIDIA"
    rank = 0
    pci_vendors: tuple[str, ...] = ("10de",)
    drivers: tuple[str, ...] = ("nvidia", "tegra", "dxgkrnl")
    nodes: tuple[NodeRule, ...] = (
        NodeRule(folder="/dev", pattern=r"nvidia\d+", example="/dev/nvidia0", drivers=("nvidia", "nvidia-frontend")),
        NodeRule(
            folder="/dev", pattern="nvidiactl", example="/dev/nvidiactl", drivers=("nvidiactl", "nvidia-frontend")
        ),
        NodeRule(folder="/dev", pattern="nvidia-uvm", example="/dev/nvidia-uvm", drivers=("nvidia-uvm",)),
        NodeRule(
            folder="/dev",
            pattern="nvidia-uvm-tools",
            example="/dev/nvidia-uvm-tools",
            drivers=("nvidia-uvm",),
            required=False,
        ),
        NodeRule(folder="/dev", pattern="dxg", example="/dev/dxg", kinds=("paravirtual",)),
        NodeRule(folder="/dev", pattern="nvmap", example="/dev/nvmap", kinds=("soc",)),
    )
    container_rights = ContainerRights(toolkit="cuda", driver="nvidia", tool="nvidia-ctk")
    #: As NVIDIA's container toolkit documents it (docs.nvidia.com/datacenter/cloud-native/container-toolkit).
    sharing = Sharing(
        driver="nvidia",
        runtime="nvidia",
        runtime_program="nvidia-container-runtime",
        kind="nvidia.com/gpu",
        visible="NVIDIA_VISIBLE_DEVICES",
        parts="NVIDIA_DRIVER_CAPABILITIES",
        parts_needed=("compute", "utility"),
        parts_known=("compute", "utility", "graphics", "video", "display", "compat32", "ngx"),
        images=("cuda",),
    )
    settings = NvidiaSettings()
    selectors: tuple[Selector, ...] = (
        Selector(name="CUDA_VISIBLE_DEVICES", hiding=("", "-1", "NoDevFiles"), by_index=True, by_uuid=True),
        # "void" hides nothing by itself: with CDI the toolkit sets it beside the devices that it hands in.
        Selector(name="NVIDIA_VISIBLE_DEVICES", hiding=("none",)),
    )
    packages: tuple[str, ...] = (
        "nvidia-",
        "libnvidia-",
        "linux-modules-nvidia-",
        "libcuda",
        "cuda-drivers",
        "cuda-compat",
        "kmod-nvidia",
        "akmod-nvidia",
        "xorg-x11-drv-nvidia",
        "libcudart",
    )

    def kind(self, pci: str, pci_class: str) -> DeviceKind:
        """Every card of theirs on PCI is a discrete one."""
        del pci, pci_class
        return "discrete"

    async def find(self, transport: Transport) -> tuple[BusDevice, ...]:
        """A card that Windows lends to WSL, or the GPU in a Tegra chip: neither is on the PCI bus."""
        if await _there("/usr/lib/wsl/lib/libcuda.so.1", transport) and await _there("/dev/dxg", transport):
            return (BusDevice(pci="dxg", vendor=self.title, driver="dxgkrnl", kind="paravirtual"),)
        if await _there("/etc/nv_tegra_release", transport):
            return (BusDevice(pci="soc", vendor=self.title, driver="tegra", kind="soc"),)
        return ()

    async def driver(self, ground: Ground, transport: Transport) -> Driver:
        """Versions of module and library, flavour, DKMS, rivals."""
        return await look_at_driver(ground, transport)

    async def initialise(self, transport: Transport) -> RuntimeState | Missing:
        """cuInit in a child process."""
        return await initialise(transport)

    def bandwidth(self, name: str) -> Bandwidth | None:
        """From the table of cards."""
        return find_bandwidth(name, "nvidia/bandwidth.toml")

    def wanted_api(self, environment: Mapping[str, str]) -> str:
        """NVIDIA_REQUIRE_CUDA, which the container toolkit heeds, else CUDA_VERSION of the base images."""
        demanded = _DEMAND.search(environment.get("NVIDIA_REQUIRE_CUDA", ""))
        if demanded is not None and not environment.get("NVIDIA_DISABLE_REQUIRE"):
            return demanded[1]
        built = _BUILT.match(environment.get("CUDA_VERSION", ""))
        if built is not None:
            return built[1]
        return ""

    async def readings(self, devices: tuple[BusDevice, ...], transport: Transport) -> tuple[Reading, ...] | Missing:
        """NVML in a child process; nvidia-smi where there is no Python to ask it in."""
        del devices
        found = await read_nvml(transport)
        if isinstance(found, Missing) and found.reason.startswith(CANNOT_ASK):
            return await read_smi(transport, name_reasons)
        return found

    def watch(self, node: str) -> Looker:
        """NVML in this process, while no card sleeps."""
        return NvmlWatch(node)

    def parse_error(self, line: str) -> DeviceError | None:
        """Xid, SXid and NVRM lines."""
        return parse_error(line)


async def _there(path: str, transport: Transport) -> bool:
    try:
        await transport.stat(path)
    except AccessError:
        return False
    return True
