"""Readings of AMD GPUs: sysfs of the amdgpu driver, or rocm-smi where sysfs shows no memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, absent, failed, unknown
from keepwell.devices._lines import sysfs_address
from keepwell.devices._sysfs import (
    find_hwmon,
    first_number,
    from_micro,
    from_milli,
    from_percent,
    read_number,
)
from keepwell.devices.amd.topology import ComputeNode, nearest_target, read_processes, read_topology
from keepwell.plugins.device import BusDevice, Reading
from keepwell.transport.base import Transport

#: rocm-smi starts a Python and asks the driver: 0.3-1.5 s; longer means that the driver hangs.
SECONDS = 5.0
ROCM_SMI = (
    "rocm-smi",
    "--showbus",
    "--showproductname",
    "--showmeminfo",
    "vram",
    "--showuse",
    "--showtemp",
    "--showpower",
    "--json",
)
NO_REASONS = unknown("this driver's sysfs does not name reasons for lowered clocks")


async def read_devices(devices: tuple[BusDevice, ...], transport: Transport) -> tuple[Reading, ...] | Missing:
    """One reading a device; rocm-smi only where the driver's files are not there."""
    nodes = {node.pci: node for node in await read_topology(transport)}
    found = [await _read_sysfs(one, nodes.get(one.pci), transport) for one in devices]
    if any(not isinstance(one.values["device.memory_total_bytes"], Missing) for one in found):
        return tuple(found)
    told = await _run_rocm_smi(transport)
    if isinstance(told, Missing):
        return tuple(found)
    return told


async def _read_sysfs(device: BusDevice, node: ComputeNode | None, transport: Transport) -> Reading:
    base = f"/sys/bus/pci/devices/{device.pci}"
    sensors = await find_hwmon(device.pci, transport) or f"{base}/hwmon/none"
    powers = (f"{sensors}/power1_average", f"{sensors}/power1_input")
    # Accelerators of the MI300 family show no temperature of the edge, only that of the hottest spot.
    heats = (f"{sensors}/temp1_input", f"{sensors}/temp2_input")
    identity: dict[str, Value] = {}
    gpu_id = ""
    if node is not None:
        gpu_id = node.gpu_id
        identity["compute_capability"] = node.target
        identity["nearest_target"] = nearest_target(node.target)
    values: dict[str, Value | Missing] = {
        "device.identity": identity,
        "device.memory_total_bytes": await read_number(f"{base}/mem_info_vram_total", transport),
        "device.memory_used_bytes": await read_number(f"{base}/mem_info_vram_used", transport),
        "device.utilisation_ratio": await read_number(f"{base}/gpu_busy_percent", transport, from_percent),
        "device.temperature_celsius": await first_number(heats, transport, from_milli),
        "device.power_watts": await first_number(powers, transport, from_micro),
        "device.power_limit_watts": await read_number(f"{sensors}/power1_cap", transport, from_micro),
        "device.power_limit_default_watts": await read_number(f"{sensors}/power1_cap_default", transport, from_micro),
        "device.clock_hertz": await read_number(f"{sensors}/freq1_input", transport),
        "device.throttle": NO_REASONS,
        "device.processes": await read_processes(gpu_id, transport),
    }
    return Reading(pci=device.pci, values=values, source=f"{base}/")


async def _run_rocm_smi(transport: Transport) -> tuple[Reading, ...] | Missing:
    try:
        ran = await transport.run(ROCM_SMI, timeout_seconds=SECONDS)
    except AccessError as error:
        return failed(error)
    return parse_rocm_smi(ran.stdout)


def parse_rocm_smi(content: bytes) -> tuple[Reading, ...] | Missing:
    """The JSON of rocm-smi (all values are text); releases before 6 name some fields differently."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return failed("rocm-smi printed no JSON")
    if not isinstance(found, dict):
        return failed("rocm-smi printed no object")
    cards = [value for key, value in found.items() if key.startswith("card") and isinstance(value, dict)]
    return tuple(_card(one) for one in cards)


def _card(card: Mapping[str, Any]) -> Reading:
    values: dict[str, Value | Missing] = {name: _cell(card, keys, turn) for name, keys, turn in _CELLS}
    name = card.get("Card Series") or card.get("Card series") or card.get("Card SKU") or ""
    target = str(card.get("GFX Version", ""))
    values["device.identity"] = {"name": str(name)}
    if target.startswith("gfx"):
        values["device.identity"] = {"name": str(name), "compute_capability": target}
    values["device.throttle"] = NO_REASONS
    return Reading(pci=sysfs_address(str(card.get("PCI Bus", ""))), values=values, source=" ".join(ROCM_SMI))


def _cell(card: Mapping[str, Any], keys: tuple[str, ...], turn: Callable[[float], Value]) -> Value | Missing:
    for key in keys:
        if key in card:
            try:
                return turn(float(card[key]))
            except (TypeError, ValueError, OverflowError):
                return failed(f"rocm-smi: {key} is {str(card[key])[:40]}")
    return absent("rocm-smi does not tell")


def _ratio(percent: float) -> float:
    return percent / 100


_CELLS: tuple[tuple[str, tuple[str, ...], Callable[[float], Value]], ...] = (
    ("device.memory_total_bytes", ("VRAM Total Memory (B)",), int),
    ("device.memory_used_bytes", ("VRAM Total Used Memory (B)",), int),
    ("device.utilisation_ratio", ("GPU use (%)",), _ratio),
    ("device.temperature_celsius", ("Temperature (Sensor edge) (C)", "Temperature (Sensor junction) (C)"), float),
    (
        "device.power_watts",
        ("Average Graphics Package Power (W)", "Current Socket Graphics Package Power (W)"),
        float,
    ),
    ("device.power_limit_watts", ("Max Graphics Package Power (W)",), float),
)
