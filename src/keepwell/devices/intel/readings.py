"""Readings of Intel GPUs: sysfs of i915 and xe, and for cards xpu-smi where it is installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, absent, failed, unknown
from keepwell.devices._sysfs import find_hwmon, first_number, from_mega, from_micro, from_milli, names_in
from keepwell.plugins.device import BusDevice, Reading
from keepwell.transport.base import Transport

#: xpu-smi asks its own library: 0.2-1 s for each question.
SECONDS = 4.0
MEBIBYTE = 1024 * 1024
SHARED = absent("this GPU has no memory of its own")
NO_TOOL = unknown("only xpu-smi tells this, and it is not there or does not answer")


async def read_devices(devices: tuple[BusDevice, ...], transport: Transport) -> tuple[Reading, ...] | Missing:
    """One reading a device. The memory and load of a card are known to xpu-smi alone."""
    told: dict[str, Mapping[str, Value | Missing]] = {}
    if any(one.kind == "discrete" for one in devices):
        told = await _ask_xpu_smi(transport)
    return tuple([await _read(one, told.get(one.pci, {}), transport) for one in devices])


async def _read(device: BusDevice, told: Mapping[str, Value | Missing], transport: Transport) -> Reading:
    base = f"/sys/bus/pci/devices/{device.pci}"
    sensors = await find_hwmon(device.pci, transport) or f"{base}/hwmon/none"
    cards = [name for name in await names_in(f"{base}/drm", transport) if name.startswith("card")]
    clocks = (*(f"{base}/drm/{card}/gt_act_freq_mhz" for card in cards), f"{base}/tile0/gt0/freq0/act_freq")
    memory: Value | Missing = NO_TOOL
    if device.kind != "discrete":
        memory = SHARED
    values: dict[str, Value | Missing] = {
        "device.identity": {},
        "device.memory_total_bytes": memory,
        "device.memory_used_bytes": memory,
        "device.utilisation_ratio": NO_TOOL,
        "device.temperature_celsius": await first_number(
            (f"{sensors}/temp2_input", f"{sensors}/temp1_input"), transport, from_milli
        ),
        "device.power_watts": NO_TOOL,
        "device.power_limit_watts": await first_number(
            (f"{sensors}/power1_max", f"{sensors}/power2_max"), transport, from_micro
        ),
        "device.clock_hertz": await first_number(clocks, transport, from_mega),
        "device.throttle": unknown("this driver's reasons for lowered clocks are not read"),
        "device.processes": unknown("this driver does not list processes"),
    }
    return Reading(pci=device.pci, values=values | dict(told), source=f"{base}/")


async def _ask_xpu_smi(transport: Transport) -> dict[str, Mapping[str, Value | Missing]]:
    listed = parse_discovery(await _run(("xpu-smi", "discovery", "-j"), transport))
    found: dict[str, Mapping[str, Value | Missing]] = {}
    for pci, (number, name) in listed.items():
        values = parse_stats(await _run(("xpu-smi", "stats", "-d", number, "-j"), transport))
        whole = parse_properties(await _run(("xpu-smi", "discovery", "-d", number, "-j"), transport))
        found[pci] = values | whole | {"device.identity": {"name": name}}
    return found


async def _run(argv: tuple[str, ...], transport: Transport) -> bytes:
    try:
        return (await transport.run(argv, timeout_seconds=SECONDS)).stdout
    except AccessError:
        return b""


def parse_discovery(content: bytes) -> dict[str, tuple[str, str]]:
    """`xpu-smi discovery -j`: address to number and name; {} if it is no such answer."""
    rows = _object(content).get("device_list")
    if not isinstance(rows, list):
        return {}
    return {
        str(row["pci_bdf_address"]): (str(row.get("device_id", 0)), str(row.get("device_name", "")))
        for row in rows
        if isinstance(row, dict) and "pci_bdf_address" in row
    }


def parse_properties(content: bytes) -> dict[str, Value | Missing]:
    """`xpu-smi discovery -d N -j`: the card's whole memory; {} if it does not tell."""
    told = _object(content).get("memory_physical_size_byte")
    if told is None:
        return {}
    return {"device.memory_total_bytes": _turned(told, int)}


def parse_stats(content: bytes) -> dict[str, Value | Missing]:
    """`xpu-smi stats -d N -j`: readings in base units; {} if it is no such answer."""
    rows = _object(content).get("device_level")
    if not isinstance(rows, list):
        return {}
    told = {str(row.get("metrics_type")): row.get("value") for row in rows if isinstance(row, dict)}
    return {name: _turned(told[key], turn) for key, (name, turn) in _STATS.items() if key in told}


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return found


def _turned(value: Any, turn: Callable[[float], Value]) -> Value | Missing:
    try:
        return turn(float(value))
    except (TypeError, ValueError, OverflowError):
        return failed(f"xpu-smi said {str(value)[:40]}")


def _mebibytes(number: float) -> int:
    return int(number * MEBIBYTE)


def _ratio(percent: float) -> float:
    return percent / 100


_STATS: dict[str, tuple[str, Callable[[float], Value]]] = {
    "XPUM_STATS_MEMORY_USED": ("device.memory_used_bytes", _mebibytes),
    "XPUM_STATS_GPU_UTILIZATION": ("device.utilisation_ratio", _ratio),
    "XPUM_STATS_POWER": ("device.power_watts", float),
    "XPUM_STATS_GPU_CORE_TEMPERATURE": ("device.temperature_celsius", float),
}
