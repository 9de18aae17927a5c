"""Readings through NVML, asked in a child process: raw answers turned into base units.

A field that a device does not have stays Missing(absent) with NVML's own words; one that could not be read
stays Missing(failed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from keepwell.core.observation import Missing, Value, absent, failed, unknown
from keepwell.devices._child import ask_child
from keepwell.devices._lines import sysfs_address
from keepwell.plugins.device import Reading
from keepwell.transport.base import Transport

CHILD = "keepwell.devices._nvml_child"
#: Healthy drivers answer in 0.1 s; without persistence mode each GPU takes up to 3 s to start.
SECONDS = 10.0
SOURCE = "NVML (python -m keepwell.devices._nvml_child)"

#: NVML codes that say "there is no such thing": not supported, driver not loaded, library, function, argument
#: version, device. Every other code is a failure to look.
ABSENT_CODES = frozenset({3, 9, 12, 13, 25, 28})
#: Bits of the reasons for lowered clocks (nvml.h, nvmlClocksEventReasons), in our words.
THROTTLE: tuple[tuple[int, str], ...] = (
    (0x001, "idle"),
    (0x002, "application-clocks"),
    (0x004, "power-limit"),
    (0x008, "hardware-slowdown"),
    (0x010, "sync-boost"),
    (0x020, "thermal"),
    (0x040, "thermal-hardware"),
    (0x080, "power-brake"),
    (0x100, "display-clocks"),
    (0x200, "board-limit"),
    (0x400, "reliability"),
)
#: NVML codes of a card that does not answer any more, in our words: GPU_IS_LOST, RESET_REQUIRED.
CONDITIONS = {15: "lost", 16: "reset-required"}
#: ... and of one of which not even a handle can be had: INSUFFICIENT_POWER, IRQ_ISSUE, CORRUPTED_INFOROM, UNKNOWN.
NO_HANDLE = {
    "8": "no-power",
    "11": "unreachable",
    "14": "unreachable",
    "15": "lost",
    "16": "reset-required",
    "999": "unreachable",
}
#: nvmlGridLicenseState_t: state of a virtual GPU's licence; unrestricted is the time of grace after the start.
LICENCES = {2: "unrestricted", 3: "restricted", 4: "unlicensed", 5: "licensed"}
#: nvmlGpuVirtualizationMode_t: a GPU that a host lends to this guest.
GUEST = 2
#: nvmlComputeMode_t.
COMPUTE_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}


async def read_nvml(transport: Transport) -> tuple[Reading, ...] | Missing:
    """What NVML says about every device; Missing(absent) where there is no NVML or nothing to ask it in."""
    answer = await ask_child(CHILD, transport, SECONDS)
    if isinstance(answer, Missing):
        return answer
    return parse_readings(answer)


def parse_readings(answer: Mapping[str, Any]) -> tuple[Reading, ...] | Missing:
    """The child's JSON as readings; never raises, whatever it holds."""
    if "error" in answer:
        return _missing(answer["error"])
    devices = answer.get("devices")
    if not isinstance(devices, list):
        return failed("NVML did not list devices")
    return tuple(parse_device(one) for one in devices if isinstance(one, dict))


def parse_device(raw: Mapping[str, Any]) -> Reading:
    """One device's raw answers as a reading."""
    error = raw.get("error")
    if error is not None:
        reason = _missing(error)
        lost: dict[str, Value | Missing] = dict.fromkeys((*WHOLE, *(name for name, _, _ in _NUMBERS)), reason)
        if isinstance(error, Mapping):
            lost["device.condition"] = NO_HANDLE.get(str(error.get("code")), reason)
        return Reading(pci="", values=lost, source=SOURCE)
    values: dict[str, Value | Missing] = {name: _convert(raw.get(key), turn) for name, key, turn in _NUMBERS}
    values["device.identity"] = _identity(raw)
    values["device.throttle"] = _convert(raw.get("throttle"), name_reasons)
    values["device.processes"] = _convert(raw.get("processes"), _processes)
    values["device.memory_health"] = _memory_health(raw)
    values["device.link"] = _convert(raw.get("link"), _link)
    values["device.partition"] = _convert(raw.get("partition"), _partition)
    values["device.licence"] = _licence(raw.get("licence"))
    refusals = [one["missing"] for one in raw.values() if isinstance(one, Mapping) and "missing" in one]
    values["device.condition"] = _condition(refusals)
    pci = raw.get("pci")
    return Reading(pci=sysfs_address(_text(pci)), values=values, source=SOURCE)


def name_reasons(bits: Any) -> tuple[str, ...]:
    """A bit mask of throttle reasons as words, in the order of the bits."""
    return tuple(word for bit, word in THROTTLE if int(bits) & bit)


def _condition(refusals: Iterable[Any]) -> str:
    """What the codes among a card's refusals tell of the card itself; "answers" when they tell nothing."""
    codes = [one.get("code") for one in refusals if isinstance(one, Mapping)]
    found = [CONDITIONS[code] for code in codes if isinstance(code, int) and code in CONDITIONS]
    return "".join(found[:1]) or "answers"


def _missing(raw: Any) -> Missing:
    if not isinstance(raw, Mapping):
        return failed("NVML gave no reason")
    reason = f"NVML: {raw.get('reason', 'no reason')}"
    if raw.get("code") in ABSENT_CODES:
        return absent(reason)
    return failed(reason)


def _convert(raw: Any, turn: Callable[[Any], Value]) -> Value | Missing:
    if raw is None:
        return unknown("NVML was not asked")
    if isinstance(raw, Mapping):
        return _missing(raw.get("missing"))
    try:
        return turn(raw)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        return failed(f"NVML said something that does not fit: {str(raw)[:80]}")


def _identity(raw: Mapping[str, Any]) -> Value:
    found: dict[str, Value] = {key: _text(raw.get(key)) for key in ("name", "uuid")}
    capability = raw.get("compute_capability")
    if isinstance(capability, list) and len(capability) == 2:
        found["compute_capability"] = f"{capability[0]}.{capability[1]}"
    mode = raw.get("compute_mode")
    if isinstance(mode, int):
        found["compute_mode"] = COMPUTE_MODES.get(mode, str(mode))
    persistence = raw.get("persistence")
    if isinstance(persistence, int):
        found["persistence"] = bool(persistence)
    return {key: value for key, value in found.items() if value != ""}


def _memory_health(raw: Mapping[str, Any]) -> Value | Missing:
    errors, rows = raw.get("ecc_uncorrected"), raw.get("remapped_rows")
    found: dict[str, Value] = {}
    if isinstance(errors, int):
        found["uncorrected_errors"] = errors
    if isinstance(rows, list) and len(rows) == 4:
        found |= {"remap_pending": bool(rows[2]), "remap_failed": bool(rows[3])}
    elif isinstance(raw.get("retired_pending"), int):  # before Ampere pages are retired instead of rows remapped
        found |= {"remap_pending": bool(raw["retired_pending"]), "remap_failed": False}
    if found:
        return found
    return _convert(errors, int)


def _processes(raw: Any) -> Value:
    return tuple(_process(one) for one in raw if isinstance(one, Mapping))


def _process(raw: Mapping[str, Any]) -> Value:
    used = raw.get("used_bytes")
    if isinstance(used, int):
        return {"pid": int(raw["pid"]), "used_bytes": used}
    return {"pid": int(raw["pid"])}


def _link(raw: Any) -> Value:
    names = ("generation", "generation_max", "width", "width_max")
    return {name: int(number) for name, number in zip(names, raw, strict=True)}


def _partition(raw: Any) -> Value:
    now, pending, instances = (int(one) for one in raw)
    return {"on": bool(now), "pending": bool(pending), "instances": instances}


def _licence(raw: Any) -> Value | Missing:
    """Who is no guest has no licence; the worst of several features counts."""
    if not isinstance(raw, Mapping) or "missing" in raw:
        return _convert(raw, str)
    features = raw.get("features")
    if raw.get("mode") != GUEST or not isinstance(features, list):
        return {"virtual": False}
    told = [one for one in features if isinstance(one, list) and len(one) == 2 and isinstance(one[0], int)]
    state, product = min(told, key=_first, default=(0, ""))
    return {"virtual": True, "state": LICENCES.get(state, "unknown"), "product": _text(product)}


def _text(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    return ""


def _first(raw: Any) -> int:
    return int(raw[0])


def _second(raw: Any) -> int:
    return int(raw[1])


def _percent(raw: Any) -> float:
    return int(raw) / 100


def _milliwatts(raw: Any) -> float:
    return int(raw) / 1000


def _megahertz(raw: Any) -> int:
    return int(raw) * 1_000_000


#: What a reading has besides numbers.
WHOLE = (
    "device.identity",
    "device.throttle",
    "device.processes",
    "device.memory_health",
    "device.link",
    "device.partition",
    "device.licence",
)
_NUMBERS: tuple[tuple[str, str, Callable[[Any], Value]], ...] = (
    ("device.memory_total_bytes", "memory", _first),
    ("device.memory_used_bytes", "memory", _second),
    ("device.utilisation_ratio", "utilisation", _percent),
    ("device.temperature_celsius", "temperature", int),
    ("device.power_watts", "power", _milliwatts),
    ("device.power_limit_watts", "power_limit", _milliwatts),
    ("device.power_limit_default_watts", "power_limit_default", _milliwatts),
    ("device.clock_hertz", "clock", _megahertz),
)
