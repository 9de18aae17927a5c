"""A child process that asks NVML and prints one JSON document: `python -m keepwell.devices._nvml_child`.

NVML runs in a process of its own because a sick driver can hang or end the caller. Values are in NVML's own
units; whatever a device cannot tell is `{"missing": {"code": N, "reason": TEXT}}`. Imports next to nothing of keepwell.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pynvml

from keepwell.devices._nvml_library import load_library

#: Seconds within which another card is still started: without persistence mode one takes up to 3 s, and whoever
#: waits for the whole answer does so for 10.
START_SECONDS = 6.0
#: NVML_ERROR_TIMEOUT.
TIMEOUT = 10
#: Most processes named per device: enough for any server, and a bound on the answer.
PROCESSES_MAX = 256


#: What asking may raise: NVML's own errors, and the binding's for a function that this driver's library lacks.
Refused = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError)


def main() -> int:
    """Print what NVML says about every device; exit 0 whenever an answer could be printed."""
    load_library()
    json.dump(report(), sys.stdout)
    return 0


def report(start_seconds: float = START_SECONDS) -> dict[str, Any]:
    """`{"driver", "api", "devices": [...]}`, or `{"error": {"code", "reason"}}` when NVML does not start."""
    deadline = time.monotonic() + start_seconds
    try:
        pynvml.nvmlInit()
    except Refused as error:
        return {"error": _reason(error)}
    try:
        count = pynvml.nvmlDeviceGetCount()
        return {
            "driver": _ask(pynvml.nvmlSystemGetDriverVersion),
            "api": _ask(pynvml.nvmlSystemGetCudaDriverVersion),
            "devices": [_device(index, deadline) for index in range(count)],
        }
    except Refused as error:
        return {"error": _reason(error)}
    finally:
        pynvml.nvmlShutdown()


def _device(index: int, deadline: float) -> dict[str, Any]:
    if time.monotonic() > deadline:
        late = {"code": TIMEOUT, "reason": "not asked, because starting the cards before it took too long"}
        return {"index": index, "error": late}
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    except Refused as error:
        return {"index": index, "error": _reason(error)}
    return {"index": index} | {name: _ask(question, handle) for name, question in QUESTIONS.items()}


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return question(*arguments)
    except Refused as error:
        return {"missing": _reason(error)}


def _reason(error: Any) -> dict[str, Any]:
    """NVML's code and words; a function that the library lacks is FUNCTION_NOT_FOUND however the binding says it."""
    if isinstance(error, pynvml.NVMLLibraryMismatchError):
        return {"code": int(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND), "reason": "Function Not Found"}
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
    try:
        found = list(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except pynvml.NVMLLibraryMismatchError:  # a driver before the 510 branch; the rows have had the same shape since 2
        found = list(pynvml.nvmlDeviceGetComputeRunningProcesses_v2(handle))
    try:
        found += pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle)
    except Refused:
        # A card without graphics, the MIG mode, an old driver: its compute processes are still the whole answer.
        return _named(found)
    return _named(found)


def _partition(handle: Any) -> list[int]:
    """MIG mode now, after the next reset, and how many instances there are."""
    now, pending = pynvml.nvmlDeviceGetMigMode(handle)
    if not now:
        return [int(now), int(pending), 0]
    count = 0
    for index in range(int(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle))):
        with contextlib.suppress(*Refused):
            pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
            count += 1
    return [int(now), int(pending), count]


def _licence(handle: Any) -> dict[str, Any]:
    """The mode of virtualisation; for a guest's GPU the state of its licence and the product that it is for."""
    mode = int(pynvml.nvmlDeviceGetVirtualizationMode(handle))
    if mode != pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU:
        return {"mode": mode}
    told = pynvml.nvmlDeviceGetGridLicensableFeatures(handle)
    count = min(int(told.licensableFeaturesCount), len(told.gridLicensableFeatures))
    features = [told.gridLicensableFeatures[index] for index in range(count)]
    enabled = [one for one in features if one.featureEnabled] or features[:1]
    return {"mode": mode, "features": [[int(one.featureState), _name(one.productName)] for one in enabled]}


def _name(raw: Any) -> str:
    if isinstance(raw, bytes):
        return raw.decode("utf-8", "replace")
    return str(raw)


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
    "retired_pending": pynvml.nvmlDeviceGetRetiredPagesPendingStatus,
    "partition": _partition,
    "licence": _licence,
    "processes": _processes,
}


if __name__ == "__main__":
    raise SystemExit(main())
