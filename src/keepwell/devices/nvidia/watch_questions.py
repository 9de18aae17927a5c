"""What is asked of an NVIDIA card while it is watched, how often, and as which series. Needs NVIDIA's binding.

Cheap numbers are asked at each look; what changes slowly, or costs the driver a lock on the card, every 5 or 30 s.
Numbered fields, several in one call, are in `watch_fields`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pynvml

from keepwell.core.observation import Missing, absent, failed
from keepwell.devices.nvidia.nvml import ABSENT_CODES, THROTTLE

#: A metric's name and what tells its series apart beside the device.
Name: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
Number: TypeAlias = "float | Missing"

#: Seconds between two questions of each kind.
EACH_LOOK, OFTEN, SELDOM = 0.0, 5.0, 30.0
#: Reasons for lowered clocks that mean that something holds the card back, in the words of `device.throttle`.
REASONS = ("power-limit", "hardware-slowdown", "thermal", "thermal-hardware", "power-brake")
_BITS = {word: bit for bit, word in THROTTLE}
#: What asking may raise: NVML's own errors, and the binding's for a function that this driver's library lacks.
Refused = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call: the series that it gives, in the order of its answer, and how often it is worth asking."""

    names: tuple[Name, ...]
    ask: Callable[[Any], tuple[Number, ...]]
    every_seconds: float = EACH_LOOK


def refusal(error: Exception) -> Missing:
    """Why a question was refused: absent where this card or driver has no such thing, else failed."""
    code = code_of(error)
    if code in ABSENT_CODES:
        return absent(f"NVML: {said(error)}")
    return failed(f"NVML: {said(error)}")


def code_of(error: Exception) -> int:
    """NVML's code; a function that the library lacks is FUNCTION_NOT_FOUND however the binding says it."""
    if isinstance(error, pynvml.NVMLLibraryMismatchError):
        return int(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    return int(getattr(error, "value", -1))


def said(error: Exception) -> str:
    """NVML's words."""
    if isinstance(error, pynvml.NVMLLibraryMismatchError):
        return "Function Not Found"
    return str(error)


def list_processes(handle: Any) -> dict[int, int | None]:
    """Processes with memory on a card and how many bytes, None where the driver does not tell. Raises Refused."""
    try:
        found = list(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except pynvml.NVMLLibraryMismatchError:  # a driver before the 510 branch
        found = list(pynvml.nvmlDeviceGetComputeRunningProcesses_v2(handle))
    try:
        found += pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle)
    except Refused:
        # A card without graphics, the MIG mode, an old driver: its compute processes are still the whole answer.
        return _by_pid(found)
    return _by_pid(found)


def count_computing(handle: Any) -> int:
    """How many processes compute on a card: a display server alone does not. Raises Refused."""
    try:
        return len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except pynvml.NVMLLibraryMismatchError:
        return len(pynvml.nvmlDeviceGetComputeRunningProcesses_v2(handle))


def _by_pid(rows: list[Any]) -> dict[int, int | None]:
    """A process that both lists name counts once in each: sums over MIG instances, the largest of two lists."""
    found: dict[int, int | None] = {}
    for row in rows:
        pid, used = int(row.pid), row.usedGpuMemory
        earlier = found.get(pid, 0)
        if used is None or earlier is None:
            found[pid] = None
        else:
            found[pid] = max(int(used), earlier)
    return found


def _memory(handle: Any) -> tuple[Number, ...]:
    found = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    return float(found.total), float(found.used), float(found.reserved)


def _memory_of_old(handle: Any) -> tuple[Number, ...]:
    found = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return float(found.total), float(found.used), absent("this driver counts it as used")


def _utilisation(handle: Any) -> tuple[Number, ...]:
    found = pynvml.nvmlDeviceGetUtilizationRates(handle)
    return found.gpu / 100, found.memory / 100


def _power(handle: Any) -> tuple[Number, ...]:
    return (pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,)


def _temperature(handle: Any) -> tuple[Number, ...]:
    return (float(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),)


def _clock(handle: Any) -> tuple[Number, ...]:
    return (pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_GRAPHICS) * 1e6,)


def _memory_clock(handle: Any) -> tuple[Number, ...]:
    return (pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM) * 1e6,)


def _throttled(handle: Any) -> tuple[Number, ...]:
    bits = int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
    return tuple(float(bits & _BITS[reason] != 0) for reason in REASONS)


def _fan(handle: Any) -> tuple[Number, ...]:
    return (pynvml.nvmlDeviceGetFanSpeed(handle) / 100,)


def _state(handle: Any) -> tuple[Number, ...]:
    return (float(pynvml.nvmlDeviceGetPerformanceState(handle)),)


def _link(handle: Any) -> tuple[Number, ...]:
    return (
        float(pynvml.nvmlDeviceGetCurrPcieLinkGeneration(handle)),
        float(pynvml.nvmlDeviceGetCurrPcieLinkWidth(handle)),
    )


def _power_limit(handle: Any) -> tuple[Number, ...]:
    return (pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,)


def _corrected(handle: Any) -> tuple[Number, ...]:
    kind, since = pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_VOLATILE_ECC
    return (float(pynvml.nvmlDeviceGetTotalEccErrors(handle, kind, since)),)


def _uncorrected(handle: Any) -> tuple[Number, ...]:
    kind, since = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC
    return (float(pynvml.nvmlDeviceGetTotalEccErrors(handle, kind, since)),)


def _rows(handle: Any) -> tuple[Number, ...]:
    return tuple(float(one) for one in pynvml.nvmlDeviceGetRemappedRows(handle))


MEMORY: tuple[Name, ...] = (
    ("device.memory_total_bytes", ()),
    ("device.memory_used_bytes", ()),
    ("device.memory_reserved_bytes", ()),
)
PROCESSES: Name = ("device.compute_processes", ())
ERRORS: Name = ("device.errors_total", ())
#: What is asked of memory first, and instead where the driver lacks that.
NEW_MEMORY = Question(names=MEMORY, ask=_memory)
OLD_MEMORY = Question(names=MEMORY, ask=_memory_of_old)
#: Everything else that is one call.
QUESTIONS: tuple[Question, ...] = (
    Question(names=(("device.utilisation_ratio", ()), ("device.memory_busy_ratio", ())), ask=_utilisation),
    Question(names=(("device.power_watts", ()),), ask=_power),
    Question(names=(("device.temperature_celsius", ()),), ask=_temperature),
    Question(names=(("device.clock_hertz", ()),), ask=_clock),
    Question(names=(("device.memory_clock_hertz", ()),), ask=_memory_clock),
    Question(names=tuple(("device.throttled", (("reason", word),)) for word in REASONS), ask=_throttled),
    Question(names=(("device.fan_ratio", ()),), ask=_fan, every_seconds=OFTEN),
    Question(names=(("device.performance_state", ()),), ask=_state, every_seconds=OFTEN),
    Question(names=(("device.link_generation", ()), ("device.link_width", ())), ask=_link, every_seconds=OFTEN),
    Question(names=(("device.power_limit_watts", ()),), ask=_power_limit, every_seconds=SELDOM),
    Question(names=(("device.memory_errors_total", (("kind", "corrected"),)),), ask=_corrected, every_seconds=SELDOM),
    Question(
        names=(("device.memory_errors_total", (("kind", "uncorrected"),)),), ask=_uncorrected, every_seconds=SELDOM
    ),
    Question(
        names=(
            ("device.memory_rows_remapped_total", (("kind", "corrected"),)),
            ("device.memory_rows_remapped_total", (("kind", "uncorrected"),)),
            ("device.memory_repair_pending", ()),
            ("device.memory_repair_failed", ()),
        ),
        ask=_rows,
        every_seconds=SELDOM,
    ),
)
