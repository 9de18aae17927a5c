"""A stand-in for the binding of NVML, put on the child's search path: one lost, one sound device, or a hang.

FAKE_NVML says what it plays: "two", "hang" or "crash".
"""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

NVML_TEMPERATURE_GPU = NVML_CLOCK_GRAPHICS = NVML_MEMORY_ERROR_TYPE_UNCORRECTED = NVML_VOLATILE_ECC = 0


class NVMLError(Exception):
    """Carries NVML's code as `value`, as the real one does."""

    def __init__(self, value: int, text: str) -> None:
        super().__init__(text)
        self.value = value


def nvmlInit() -> None:
    if os.environ.get("FAKE_NVML") == "hang":
        time.sleep(60)
    if os.environ.get("FAKE_NVML") == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)


def nvmlShutdown() -> None: ...


def nvmlDeviceGetCount() -> int:
    return 2


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    if index == 1:
        raise NVMLError(15, "GPU is lost")
    return index


def nvmlSystemGetDriverVersion() -> str:
    return "550.54.14"


def nvmlSystemGetCudaDriverVersion() -> int:
    return 12040


def nvmlDeviceGetPciInfo(handle: int) -> Any:
    return SimpleNamespace(busId="00000000:01:00.0")


def nvmlDeviceGetName(handle: int) -> str:
    return "NVIDIA Test 9000"


def nvmlDeviceGetUUID(handle: int) -> str:
    return "GPU-1"


def nvmlDeviceGetCudaComputeCapability(handle: int) -> tuple[int, int]:
    return (8, 9)


def nvmlDeviceGetMemoryInfo(handle: int) -> Any:
    return SimpleNamespace(total=1000, used=400)


def nvmlDeviceGetUtilizationRates(handle: int) -> Any:
    return SimpleNamespace(gpu=50)


def nvmlDeviceGetTemperature(handle: int, kind: int) -> int:
    return 55


def nvmlDeviceGetPowerUsage(handle: int) -> int:
    raise NVMLError(3, "Not Supported")


def nvmlDeviceGetEnforcedPowerLimit(handle: int) -> int:
    return 300_000


def nvmlDeviceGetPowerManagementDefaultLimit(handle: int) -> int:
    return 300_000


def nvmlDeviceGetClockInfo(handle: int, kind: int) -> int:
    return 1500


def nvmlDeviceGetCurrentClocksThrottleReasons(handle: int) -> int:
    return 0x44


def nvmlDeviceGetCurrPcieLinkGeneration(handle: int) -> int:
    return 1


def nvmlDeviceGetMaxPcieLinkGeneration(handle: int) -> int:
    return 4


def nvmlDeviceGetCurrPcieLinkWidth(handle: int) -> int:
    return 8


def nvmlDeviceGetMaxPcieLinkWidth(handle: int) -> int:
    return 16


def nvmlDeviceGetPersistenceMode(handle: int) -> int:
    return 1


def nvmlDeviceGetComputeMode(handle: int) -> int:
    return 3


def nvmlDeviceGetTotalEccErrors(handle: int, kind: int, since: int) -> int:
    return 2


def nvmlDeviceGetRemappedRows(handle: int) -> tuple[int, int, int, int]:
    return (1, 1, 1, 0)


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[Any]:
    return [SimpleNamespace(pid=77, usedGpuMemory=300), SimpleNamespace(pid=78, usedGpuMemory=None)]


def nvmlDeviceGetGraphicsRunningProcesses(handle: int) -> list[Any]:
    raise NVMLError(3, "Not Supported")
