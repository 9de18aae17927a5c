"""What keepwell's child processes print about a described machine, without running them on the stand-in driver.

The same JSON as `keepwell.devices._nvml_child` and `_cuda_child` give there; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pynvml

from keepwell.testing.fake_gpu.card import NOT_SUPPORTED, FakeCard
from keepwell.testing.fake_gpu.machine import FakeMachine

#: nvml.h: the library is not there at all.
LIBRARY_NOT_FOUND = 12
#: A virtual GPU of a guest, whose licence is asked for.
VGPU = int(pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU)


def say_nvml(machine: FakeMachine) -> dict[str, Any]:
    """The report of the NVML child. Machines whose driver crashes or is slow must be run."""
    if not machine.library:
        return {"error": _reason(LIBRARY_NOT_FOUND)}
    if machine.nvml_code:
        return {"error": _reason(machine.nvml_code)}
    listed = [card for card in machine.cards if card.listed]
    devices = [_device(card, index) for index, card in enumerate(listed)]
    return {"driver": machine.driver, "api": machine.cuda, "devices": devices}


def say_cuda(machine: FakeMachine) -> dict[str, Any]:
    """The report of the CUDA child."""
    if not machine.library:
        return {"missing": "libcuda.so.1: cannot open shared object file: No such file or directory"}
    count = machine.cuda_devices
    if count is None:
        count = sum(card.listed for card in machine.cards)
    devices = {True: count}.get(machine.cuda_code == 0, 0)
    seconds = machine.cuda_milliseconds / 1000
    return {"code": machine.cuda_code, "devices": devices, "version": machine.cuda, "seconds": seconds}


def _reason(code: int) -> dict[str, Any]:
    return {"code": code, "reason": str(pynvml.NVMLError(code))}


def _device(card: FakeCard, index: int) -> dict[str, Any]:
    if card.handle:
        return {"index": index, "error": _reason(card.handle)}
    return {"index": index} | {name: _answer(card, name, key) for name, key in KEYS.items()}


#: A question of the child, and the key under which a card refuses it (see `keepwell.testing.fake_gpu.card`).
KEYS: Mapping[str, str] = {
    "pci": "pci",
    "name": "name",
    "uuid": "uuid",
    "compute_capability": "capability",
    "memory": "memory.total",
    "utilisation": "utilisation",
    "temperature": "temperature",
    "power": "power",
    "power_limit": "power.limit",
    "power_limit_default": "power.default",
    "clock": "clock",
    "throttle": "throttle",
    "link": "link",
    "persistence": "persistence",
    "compute_mode": "compute_mode",
    "ecc_uncorrected": "ecc.uncorrected",
    "remapped_rows": "remapped",
    "retired_pending": "retired.pending",
    "partition": "mig",
    "licence": "virtual",
    "processes": "processes",
}


def _answer(card: FakeCard, name: str, key: str) -> Any:
    code = card.every or card.refuses.get(key, 0)
    if code:
        return {"missing": _reason(code)}
    value = VALUES[name](card)
    return {"missing": _reason(NOT_SUPPORTED)} if value is None else value


def _memory(card: FakeCard) -> list[int] | None:
    if card.memory_total_bytes is None or card.memory_used_bytes is None:
        return None
    return [card.memory_total_bytes, card.memory_used_bytes]


def _partition(card: FakeCard) -> list[int] | None:
    if card.mig is None:
        return None
    return [int(card.mig[0]), int(card.mig[1]), len(card.instances) * card.mig[0]]


def _licence(card: FakeCard) -> dict[str, Any] | None:
    if card.virtual is None:
        return None
    if card.virtual != VGPU or card.licence is None:
        return {"mode": card.virtual}
    return {"mode": card.virtual, "features": [[card.licence, card.licence_product]]}


def _processes(card: FakeCard) -> list[dict[str, Any]]:
    ordered = sorted(card.processes, key=lambda one: one.graphics)
    return [{"pid": one.pid, "used_bytes": one.used_bytes} for one in ordered]


#: A question of the child, and its answer in NVML's own form; None for one that the card does not support.
VALUES: Mapping[str, Callable[[FakeCard], Any]] = {
    "pci": lambda card: card.long_pci,
    "name": lambda card: card.name,
    "uuid": lambda card: card.uuid,
    "compute_capability": lambda card: list(card.capability),
    "memory": _memory,
    "utilisation": lambda card: card.utilisation_percent,
    "temperature": lambda card: card.temperature_celsius,
    "power": lambda card: card.power_milliwatts,
    "power_limit": lambda card: card.power_limit_milliwatts,
    "power_limit_default": lambda card: card.power_default_milliwatts,
    "clock": lambda card: card.clock_megahertz,
    "throttle": lambda card: card.throttle,
    "link": lambda card: None if card.link is None else list(card.link),
    "persistence": lambda card: None if card.persistence is None else int(card.persistence),
    "compute_mode": lambda card: card.compute_mode,
    "ecc_uncorrected": lambda card: card.ecc_uncorrected,
    "remapped_rows": lambda card: None if card.remapped is None else list(card.remapped),
    "retired_pending": lambda card: None if card.retired_pending is None else int(card.retired_pending),
    "partition": _partition,
    "licence": _licence,
    "processes": _processes,
}
