"""A child process that asks NVML and prints one JSON document: `python -m keepwell.devices._nvml_child`.

NVML runs in a process of its own because a sick driver can hang or end the caller. Values are in NVML's own
units; whatever a device cannot tell is `{"missing": {"code": N, "reason": TEXT}}`. Imports nothing of keepwell.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pynvml

#: Most processes named per device: enough for any server, and a bound on the answer.
PROCESSES_MAX = 256


def main() -> int:
    """Print what NVML says about every device; exit 0 whenever an answer could be printed."""
    json.dump(report(), sys.stdout)
    return 0


def report() -> dict[str, Any]:
    """`{"driver", "api", "devices": [...]}`, or `{"error": {"code", "reason"}}` when NVML does not start."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return {"error": _reason(error)}
    try:
        count = pynvml.nvmlDeviceGetCount()
        return {
            "driver": _ask(pynvml.nvmlSystemGetDriverVersion),
            "api": _ask(pynvml.nvmlSystemGetCudaDriverVersion),
            "devices": [_device(index) for index in range(count)],
        }
    except pynvml.NVMLError as error:
        return {"error": _reason(error)}
    finally:
        pynvml.nvmlShutdown()


def _device(index: int) -> dict[str, Any]:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError as error:
        return {"index": index, "error": _reason(error)}
    return {"index": index} | {name: _ask(question, handle) for name, question in QUESTIONS.items()}


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return question(*arguments)
    except pynvml.NVMLError as error:
        return {"missing": _reason(error)}


def _reason(error: Any) -> dict[str, Any]:
    return {"code": int(getattr(error, "value", -1)), "reason": str(error)}


def _pci(handle: Any) -> str:
    return str(pynvml.nvmlDeviceGetPciInfo(handle).busId)


def _memory(handle: Any) -> list[int]:
    found = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return [int(found.total), int(found.used)]


def _utilisation(handle: Any) -> int:
    return int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)


def _temperature(handle: Any) -> int:
    return int(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))


def _clock(handle: Any) -> int:
    return int(pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_GRAPHICS))


def _link(handle: Any) -> list[int]:
    return [
        int(pynvml.nvmlDeviceGetCurrPcieLinkGeneration(handle)),
        int(pynvml.nvmlDeviceGetMaxPcieLinkGeneration(handle)),
        int(pynvml.nvmlDeviceGetCurrPcieLinkWidth(handle)),
        int(pynvml.nvmlDeviceGetMaxPcieLinkWidth(handle)),
    ]


def _ecc(handle: Any) -> int:
    kind, since = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC
    return int(pynvml.nvmlDeviceGetTotalEccErrors(handle, kind, since))


def _processes(handle: Any) -> list[dict[str, Any]]:
    found = list(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    try:
        found += pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle)
    except pynvml.NVMLError:
        # A card without graphics, or the MIG mode: its compute processes are still the whole answer.
        return _named(found)
    return _named(found)


def _named(processes: list[Any]) -> list[dict[str, Any]]:
    return [{"pid": int(one.pid), "used_bytes": one.usedGpuMemory} for one in processes[:PROCESSES_MAX]]


#: What is asked of each device, by the name under which the parser finds the answer.
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "pci": _pci,
    "name": pynvml.nvmlDeviceGetName,
    "uuid": pynvml.nvmlDeviceGetUUID,
    "compute_capability": pynvml.nvmlDeviceGetCudaComputeCapability,
    "memory": _memory,
    "utilisation": _utilisation,
    "temperature": _temperature,
    "power": pynvml.nvmlDeviceGetPowerUsage,
    "power_limit": pynvml.nvmlDeviceGetEnforcedPowerLimit,
    "power_limit_default": pynvml.nvmlDeviceGetPowerManagementDefaultLimit,
    "clock": _clock,
    "throttle": pynvml.nvmlDeviceGetCurrentClocksThrottleReasons,
    "link": _link,
    "persistence": pynvml.nvmlDeviceGetPersistenceMode,
    "compute_mode": pynvml.nvmlDeviceGetComputeMode,
    "ecc_uncorrected": _ecc,
    "remapped_rows": pynvml.nvmlDeviceGetRemappedRows,
    "processes": _processes,
}


if __name__ == "__main__":
    raise SystemExit(main())
