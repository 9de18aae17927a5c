"""Readings through the program nvidia-smi, for nodes where no Python of keepwell can ask NVML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, Value, absent, failed
from keepwell.devices._lines import sysfs_address
from keepwell.plugins.device import Reading
from keepwell.transport.base import Ran, Transport

#: By the search path, and where WSL puts it.
PROGRAMS = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")
#: As for NVML: a driver without persistence mode needs up to 3 s a GPU.
SECONDS = 10.0
#: Fields that a release may not know; it names one, which is left out of the next try.
RETRIES = 4
FIELDS = (
    "pci.bus_id",
    "name",
    "uuid",
    "compute_cap",
    "memory.total",
    "memory.used",
    "utilization.gpu",
    "temperature.gpu",
    "power.draw",
    "enforced.power.limit",
    "power.default_limit",
    "clocks.gr",
    "clocks_throttle_reasons.active",
    "compute_mode",
    "ecc.errors.uncorrected.volatile.total",
)
MEBIBYTE = 1024 * 1024

#: A card that no longer answers, named before the table of the others ("GPU1: 0000:44:00.0", older "GPU 0000:44:00.0").
_NO_HANDLE = re.compile(r"Unable to determine the device handle for GPU[ 0-9:]*([0-9a-fA-F:.]{10,16}): (.+)")
_UNKNOWN_FIELD = re.compile(r'Field "([^"]+)" is not a valid field')
#: What nvidia-smi writes for "there is no such thing".
_ABSENT = re.compile(r"^\[?(N/A|Not Supported|Not Available|Unsupported)\]?$", re.IGNORECASE)
#: ... and for "could not look".
_FAILED = re.compile(
    r"^\[?(Unknown Error|Insufficient Permissions|GPU requires reset|GPU is lost|ERR!|Unknown)\]?$", re.I
)


async def read_smi(transport: Transport, reasons: Callable[[int], tuple[str, ...]]) -> tuple[Reading, ...] | Missing:
    """What nvidia-smi says about every device; `reasons` turns the mask of throttle reasons into words."""
    fields: tuple[str, ...] = FIELDS
    for _ in range(RETRIES):
        ran = await _run(fields, transport)
        if isinstance(ran, Missing):
            return ran
        said = ran.text + ran.stderr.decode("utf-8", "replace")
        refused = _UNKNOWN_FIELD.search(said)
        if refused is None:
            return _judge(ran, said, parse_table(said, fields, reasons))
        fields = tuple(one for one in fields if one != refused[1])
    return failed("nvidia-smi does not know the fields that were asked for")


def _judge(ran: Ran, said: str, rows: tuple[Reading, ...] | Missing) -> tuple[Reading, ...] | Missing:
    """The rows with a reading for each card that does not answer; the exit code counts where there is neither."""
    lost = tuple(_lost(found) for found in _NO_HANDLE.finditer(said))
    if isinstance(rows, Missing) and not lost:
        if ran.code:
            return failed(f"nvidia-smi ended with {ran.code}: {_words(ran)}")
        return rows
    if isinstance(rows, Missing):
        return lost
    return (*rows, *lost)


def _lost(found: re.Match[str]) -> Reading:
    why = failed(f"nvidia-smi: {found[0].strip()[:200]}")
    values: dict[str, Value | Missing] = dict.fromkeys((name for name, _, _, _ in _NUMBERS), why)
    values["device.condition"] = "unreachable"
    if "lost" in found[2]:
        values["device.condition"] = "lost"
    return Reading(pci=sysfs_address(found[1]), values=values, source="nvidia-smi --query-gpu")


def parse_table(
    text: str, fields: tuple[str, ...], reasons: Callable[[int], tuple[str, ...]]
) -> tuple[Reading, ...] | Missing:
    """The CSV without header and units; a line with another number of cells is left out."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    fitting = [dict(zip(fields, row, strict=True)) for row in rows if len(row) == len(fields)]
    if not fitting:
        return failed("nvidia-smi listed no device")
    return tuple(_reading(cells, reasons) for cells in fitting)


def _reading(cells: Mapping[str, str], reasons: Callable[[int], tuple[str, ...]]) -> Reading:
    values: dict[str, Value | Missing] = {
        name: _number(cells.get(field, "[N/A]"), factor, kind) for name, field, factor, kind in _NUMBERS
    }
    values["device.identity"] = _identity(cells)
    values["device.throttle"] = _reasons(cells.get("clocks_throttle_reasons.active", "[N/A]"), reasons)
    errors = _number(cells.get("ecc.errors.uncorrected.volatile.total", "[N/A]"), 1, int)
    values["device.condition"] = _condition(cells)
    values["device.memory_health"] = errors
    if isinstance(errors, int):
        values["device.memory_health"] = {"uncorrected_errors": errors}
    return Reading(pci=sysfs_address(cells.get("pci.bus_id", "")), values=values, source="nvidia-smi --query-gpu")


def _identity(cells: Mapping[str, str]) -> Value:
    told = {"name": cells.get("name", ""), "uuid": cells.get("uuid", ""), "compute_mode": cells.get("compute_mode", "")}
    told["compute_capability"] = cells.get("compute_cap", "")
    told["compute_mode"] = told["compute_mode"].lower().replace("_", "-")
    return {key: value for key, value in told.items() if value and _explain(value) is None}


def _number(cell: str, factor: float, kind: type[int] | type[float]) -> Value | Missing:
    told = _explain(cell)
    if told is not None:
        return told
    try:
        return kind(float(cell) * factor)
    except (ValueError, OverflowError):
        return failed(f"nvidia-smi said {cell[:80]!r}")


def _reasons(mask: str, reasons: Callable[[int], tuple[str, ...]]) -> Value | Missing:
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", mask):
        return reasons(int(mask, 16))
    told = _explain(mask)
    if told is None:
        return failed(f"nvidia-smi said {mask[:40]!r}")
    return told


def _condition(cells: Mapping[str, str]) -> str:
    found = [word for cell in cells.values() for said, word in _CONDITIONS if said in cell]
    return "".join(found[:1]) or "answers"


def _explain(cell: str) -> Missing | None:
    if _ABSENT.match(cell):
        return absent(f"nvidia-smi: {cell}")
    if _FAILED.match(cell):
        return failed(f"nvidia-smi: {cell}")
    return None


async def _run(fields: tuple[str, ...], transport: Transport) -> Ran | Missing:
    for program in PROGRAMS:
        argv = [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        try:
            return await transport.run(argv, timeout_seconds=SECONDS)
        except NotThere:
            continue
        except AccessError as error:
            return failed(error)
    return absent("there is no nvidia-smi")


def _words(ran: Ran) -> str:
    said = (ran.text + ran.stderr.decode("utf-8", "replace")).strip() or "no words"
    return said.splitlines()[-1][:200]


_CONDITIONS = (("GPU is lost", "lost"), ("GPU requires reset", "reset-required"))
_NUMBERS: tuple[tuple[str, str, float, type[int] | type[float]], ...] = (
    ("device.memory_total_bytes", "memory.total", MEBIBYTE, int),
    ("device.memory_used_bytes", "memory.used", MEBIBYTE, int),
    ("device.utilisation_ratio", "utilization.gpu", 0.01, float),
    ("device.temperature_celsius", "temperature.gpu", 1, int),
    ("device.power_watts", "power.draw", 1, float),
    ("device.power_limit_watts", "enforced.power.limit", 1, float),
    ("device.power_limit_default_watts", "power.default_limit", 1, float),
    ("device.clock_hertz", "clocks.gr", 1_000_000, int),
)
