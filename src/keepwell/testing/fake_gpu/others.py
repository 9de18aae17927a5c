"""GPUs of AMD, Intel and Apple: the files of their kernel drivers, and what their makers' programs print."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AmdCard:
    """A card under amdgpu. `target` is gfx_target_version (90402 is gfx942), 0 when the compute driver left it out.

    `edge` is False on accelerators of the MI300 family, whose driver shows no edge temperature and no average
    power. `sysfs` False leaves the driver's readings out, as old drivers and some containers do; then rocm-smi tells.
    """

    name: str = "AMD Instinct MI300X"
    pci: str = "0000:05:00.0"
    pci_id: str = "1002:74a1"
    pci_class: str = "0x120000"
    driver: str = "amdgpu"
    target: int = 90402
    vram_total_bytes: int = 206_141_652_992
    vram_used_bytes: int = 297_934_848
    busy_percent: int = 2
    temperature_millicelsius: int = 41_000
    power_microwatts: int = 141_000_000
    power_cap_microwatts: int = 750_000_000
    clock_hertz: int = 132_000_000
    edge: bool = False
    sysfs: bool = True
    processes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelCard:
    """A card or the processor's own GPU under xe or i915; `memory_bytes` 0 is one without memory of its own."""

    name: str = "Intel(R) Arc(TM) A770 Graphics"
    pci: str = "0000:03:00.0"
    pci_id: str = "8086:56a0"
    pci_class: str = "0x030000"
    driver: str = "xe"
    memory_bytes: int = 16_225_243_136
    memory_used_mebibytes: float = 812.5
    busy_percent: float = 4.0
    temperature_celsius: int = 47
    power_watts: float = 42.5
    power_limit_microwatts: int = 190_000_000
    clock_megahertz: int = 2400


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleChip:
    """The GPU of an M-series chip; `wired_limit_megabytes` 0 is the system's own share."""

    name: str = "Apple M3 Max"
    memory_bytes: int = 68_719_476_736
    wired_limit_megabytes: int = 0
    in_use_bytes: int = 7_688_503_296
    busy_percent: int = 34


def name_target(version: int) -> str:
    """90402 as "gfx942": the last two numbers in hexadecimal."""
    return f"gfx{version // 10_000}{version // 100 % 100:x}{version % 100:x}"


def list_amd_files(card: AmdCard, number: int) -> dict[str, str]:
    """sysfs of one card but for what every PCI device has; `number` counts the cards, from 0."""
    base, sensors = f"/sys/bus/pci/devices/{card.pci}", f"/sys/bus/pci/devices/{card.pci}/hwmon/hwmon{number + 4}"
    found: dict[str, object] = {}
    if card.sysfs:
        temperature = f"{sensors}/temp1_input" if card.edge else f"{sensors}/temp2_input"
        power = f"{sensors}/power1_average" if card.edge else f"{sensors}/power1_input"
        found = {
            f"{base}/mem_info_vram_total": card.vram_total_bytes,
            f"{base}/mem_info_vram_used": card.vram_used_bytes,
            f"{base}/gpu_busy_percent": card.busy_percent,
            temperature: card.temperature_millicelsius,
            power: card.power_microwatts,
            f"{sensors}/power1_cap": card.power_cap_microwatts,
            f"{sensors}/power1_cap_default": card.power_cap_microwatts,
            f"{sensors}/freq1_input": card.clock_hertz,
        }
    if card.target:
        domain, bus, rest = card.pci.split(":")
        node = f"/sys/class/kfd/kfd/topology/nodes/{number + 1}"
        location = int(bus, 16) << 8 | int(rest[:2], 16) << 3
        found[f"{node}/gpu_id"] = 20_000 + number
        found[f"{node}/properties"] = (
            f"cpu_cores_count 0\nsimd_count 304\ngfx_target_version {card.target}\n"
            f"location_id {location}\ndomain {int(domain, 16)}"
        )
        for pid, used in card.processes:
            found[f"/sys/class/kfd/kfd/proc/{pid}/vram_{20_000 + number}"] = used
    return {path: f"{value}\n" for path, value in found.items()}


def render_rocm_smi(cards: tuple[AmdCard, ...]) -> str:
    """`rocm-smi ... --json` of ROCm 6: every value is text, keys as the program names them."""
    rows: dict[str, object] = {}
    for number, card in enumerate(cards):
        sensor = "edge" if card.edge else "junction"
        power = "Average Graphics Package Power (W)" if card.edge else "Current Socket Graphics Package Power (W)"
        rows[f"card{number}"] = {
            f"Temperature (Sensor {sensor}) (C)": f"{card.temperature_millicelsius / 1000:.1f}",
            power: f"{card.power_microwatts / 1_000_000:.1f}",
            "GPU use (%)": str(card.busy_percent),
            "PCI Bus": card.pci.upper(),
            "VRAM Total Memory (B)": str(card.vram_total_bytes),
            "VRAM Total Used Memory (B)": str(card.vram_used_bytes),
            "Card Series": card.name,
            "Card Model": f"0x{card.pci_id.partition(':')[2]}",
            "Card Vendor": "Advanced Micro Devices, Inc. [AMD/ATI]",
            "GFX Version": name_target(card.target) if card.target else "N/A",
        }
    return json.dumps(rows) + "\n"


def render_amd_smi(cards: tuple[AmdCard, ...]) -> str:
    """`amd-smi static --asic --bus --vram --json` of ROCm 6.4 and newer."""
    rows: list[object] = [
        {
            "gpu": number,
            "asic": {
                "market_name": card.name,
                "vendor_id": "0x1002",
                "device_id": f"0x{card.pci_id.partition(':')[2]}",
                "target_graphics_version": name_target(card.target) if card.target else "N/A",
            },
            "bus": {"bdf": card.pci, "max_pcie_width": 16, "max_pcie_speed": {"value": 32, "unit": "GT/s"}},
            "vram": {"type": "HBM3", "size": {"value": card.vram_total_bytes // 1024**2, "unit": "MB"}},
        }
        for number, card in enumerate(cards)
    ]
    return json.dumps({"gpu_data": rows}) + "\n"


def list_intel_files(card: IntelCard, number: int) -> dict[str, str]:
    """sysfs of one GPU but for what every PCI device has."""
    base = f"/sys/bus/pci/devices/{card.pci}"
    clock = f"{base}/tile0/gt0/freq0/act_freq"
    if card.driver == "i915":
        clock = f"{base}/drm/card{number}/gt_act_freq_mhz"
    found = {clock: f"{card.clock_megahertz}\n", f"{base}/drm/card{number}/dev": f"226:{number}\n"}
    if card.memory_bytes:
        sensors = f"{base}/hwmon/hwmon{number + 2}"
        found[f"{sensors}/temp2_input"] = f"{card.temperature_celsius * 1000}\n"
        found[f"{sensors}/power1_max"] = f"{card.power_limit_microwatts}\n"
    return found


def render_discovery(cards: tuple[IntelCard, ...]) -> str:
    """`xpu-smi discovery -j`."""
    return json.dumps({"device_list": [_identity(number, card) for number, card in enumerate(cards)]}) + "\n"


def render_properties(number: int, card: IntelCard) -> str:
    """`xpu-smi discovery -d N -j`: numbers as text, as the program has them."""
    more = {"memory_physical_size_byte": str(card.memory_bytes), "core_clock_rate_mhz": str(card.clock_megahertz)}
    return json.dumps(_identity(number, card) | more) + "\n"


def render_stats(number: int, card: IntelCard) -> str:
    """`xpu-smi stats -d N -j`."""
    values = {
        "XPUM_STATS_GPU_UTILIZATION": card.busy_percent,
        "XPUM_STATS_POWER": card.power_watts,
        "XPUM_STATS_GPU_FREQUENCY": card.clock_megahertz,
        "XPUM_STATS_GPU_CORE_TEMPERATURE": card.temperature_celsius,
        "XPUM_STATS_MEMORY_USED": card.memory_used_mebibytes,
    }
    rows = [{"metrics_type": name, "value": value} for name, value in values.items()]
    return json.dumps({"device_id": number, "device_level": rows}) + "\n"


def _identity(number: int, card: IntelCard) -> dict[str, object]:
    return {
        "device_id": number,
        "device_name": card.name,
        "device_type": "GPU",
        "drm_device": f"/dev/dri/card{number}",
        "pci_bdf_address": card.pci,
        "pci_device_id": f"0x{card.pci_id.partition(':')[2]}",
        "vendor_name": "Intel(R) Corporation",
    }


def render_ioreg(chip: AppleChip) -> str:
    """`ioreg -r -d 1 -w 0 -c IOAccelerator`, shortened to the entries that matter and some beside them."""
    statistics = (
        f'"In use system memory (driver)"=0,"Alloc system memory"={chip.in_use_bytes * 2},"Tiler Utilization %"=12,'
        f'"recoveryCount"=0,"Renderer Utilization %"=11,"Device Utilization %"={chip.busy_percent},'
        f'"Allocated PB Size"=2228224,"In use system memory"={chip.in_use_bytes}'
    )
    return (
        "+-o AGXAcceleratorG15X  <class AGXAcceleratorG15X, id 0x100000481, registered, matched, active, busy 0>\n"
        f'    {{\n      "model" = "{chip.name}"\n      "PerformanceStatistics" = {{{statistics}}}\n    }}\n'
    )


def render_sysctl(chip: AppleChip) -> str:
    """`sysctl -n machdep.cpu.brand_string hw.memsize`."""
    return f"{chip.name}\n{chip.memory_bytes}\n"


def render_displays(chip: AppleChip) -> str:
    """`system_profiler SPDisplaysDataType -json`."""
    row = {"_name": "kHW_AppleItem", "sppci_model": chip.name, "spdisplays_mtlgpufamilysupport": "spdisplays_metal3"}
    return json.dumps({"SPDisplaysDataType": [row]}) + "\n"
