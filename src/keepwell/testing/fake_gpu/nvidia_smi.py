"""A stand-in for the program nvidia-smi: the plain table, -L, -q, --query-gpu and --query-compute-apps.

Plays the data file that KEEPWELL_FAKE_GPU names. Words, columns and exit codes are those of the real program
of the 550 branch (and "[Not Supported]" for drivers before 450), as its users paste them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from keepwell.testing.fake_gpu.machine import VARIABLE, Section, load_data
from keepwell.testing.fake_gpu.nvidia_smi_report import render_report
from keepwell.testing.fake_gpu.nvidia_smi_table import render_table
from keepwell.testing.fake_gpu.sections import Cell, cell_of, first, number_of

#: What the program says, and ends with, when NVML does not start: by NVML's code.
REFUSALS = {
    4: "Failed to initialize NVML: Insufficient Permissions",
    9: (
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest "
        "NVIDIA driver is installed and running.\n"
    ),
    12: (
        "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that the NVIDIA Display "
        "Driver is properly installed and present in your system.\nPlease also try adding directory that contains "
        "libnvidia-ml.so to your system PATH."
    ),
    18: "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: {library}",
}
#: Exit code for a card that has become inaccessible, and for no card at all (nvidia-smi's own manual).
EXIT_LOST, EXIT_NONE = 15, 6

#: Fields by the branch that they came with.
SINCE = {"compute_cap": 510, "clocks_event_reasons.active": 535}

Form = Callable[[str], str]


def main() -> int:
    """The program: its own arguments, the data file of the environment."""
    return answer(sys.argv[1:], Path(os.environ[VARIABLE]))


def answer(arguments: list[str], data: Path) -> int:
    """Print what the arguments ask for; the exit code is nvidia-smi's."""
    machine, cards = load_data(data)
    code = number_of(machine, "nvml.code") or 0
    if code:
        said = REFUSALS.get(code, "Failed to initialize NVML: Unknown Error")
        print(said.format(library=".".join(first(machine, "library").split(".")[:2])))
        return min(code, 255)
    if not cards:
        print("No devices were found")
        return EXIT_NONE
    lost = [(number, card) for number, card in enumerate(cards) if first(card, "handle")]
    for number, card in lost:
        print(_say_lost(machine, number, card))
    there = [(number, card) for number, card in enumerate(cards) if not first(card, "handle")]
    _print_asked(arguments, machine, there)
    return EXIT_LOST if lost else 0


def _print_asked(arguments: list[str], machine: Section, cards: list[tuple[int, Section]]) -> None:
    options = dict(argument.lstrip("-").partition("=")[::2] for argument in arguments)
    shape = options.get("format", "csv").split(",")
    if "query-gpu" in options:
        _refuse(set(options["query-gpu"].split(",")) & {one for one in SINCE if SINCE[one] > _branch(machine)})
        _print_csv(options["query-gpu"].split(","), shape, [_row(machine, number, card) for number, card in cards])
    elif "query-compute-apps" in options:
        rows = [row for _, card in cards for row in _processes(card)]
        _print_csv(options["query-compute-apps"].split(","), shape, rows)
    elif "L" in options:
        for number, card in cards:
            print(f"GPU {number}: {first(card, 'name')} (UUID: {first(card, 'uuid')})")
            for index, instance in enumerate(card.get("instance", ())):
                uuid, _, profile = instance.split()
                print(f"  MIG {profile:<12}Device  {index}: (UUID: {uuid})")
    elif "q" in options or "d" in options:
        print(render_report(machine, cards), end="")
    elif cards:
        print(render_table(machine, cards), end="")


def _say_lost(machine: Section, number: int, card: Section) -> str:
    pci = first(card, "pci")[4:].lower()
    words = {"!15": "GPU is lost.  Reboot the system to recover this GPU"}.get(first(card, "handle"), "Unknown Error")
    named = f"GPU {pci}" if _branch(machine) < 535 else f"GPU{number}: {pci}"
    return f"Unable to determine the device handle for {named}: {words}"


def _branch(machine: Section) -> int:
    return int(first(machine, "driver").partition(".")[0] or 0)


def _print_csv(fields: list[str], shape: list[str], rows: list[dict[str, tuple[str, str]]]) -> None:
    known = set(_FIELDS) | set(_OF_PROCESS)
    _refuse(set(fields) - known)
    if "noheader" not in shape:
        units = {field: _FIELDS.get(field, _OF_PROCESS.get(field, ("", "", str)))[1] for field in fields}
        print(", ".join(f"{field} [{units[field]}]" if units[field] else field for field in fields))
    for row in rows:
        cells = [row[field] for field in fields]
        print(", ".join(f"{text} {unit}" if unit and "nounits" not in shape else text for text, unit in cells))


def _refuse(fields: set[str]) -> None:
    """End as the program does for a field that it does not know: it names one."""
    for field in sorted(fields):
        print(f'Field "{field}" is not a valid field to query.\n')
        raise SystemExit(2)


def _row(machine: Section, number: int, card: Section) -> dict[str, tuple[str, str]]:
    """Each field's text and unit; a refused one is in brackets, without unit."""
    found: dict[str, tuple[str, str]] = {"index": (str(number), ""), "driver_version": (first(machine, "driver"), "")}
    found["count"] = (str(number + 1), "")
    for field, (key, unit, form) in _FIELDS.items():
        if field in found:
            continue
        cell = cell_of(card, key)
        if cell.code:
            found[field] = (_say_refused(cell, machine), "")
        else:
            found[field] = (form(cell.text), unit)
    return found


def _say_refused(cell: Cell, machine: Section) -> str:
    words = {4: "[Insufficient Permissions]", 15: "[GPU is lost]", 16: "[GPU requires reset]"}
    if cell.code == 3:
        return "[Not Supported]" if 0 < _branch(machine) < 450 else "[N/A]"
    return words.get(cell.code, "[Unknown Error]")


def _processes(card: Section) -> list[dict[str, tuple[str, str]]]:
    rows = []
    for line in card.get("process", ()):
        pid, used, *_ = line.split()
        memory = ("[N/A]", "") if used == "-" else (str(int(used) // 1024**2), "MiB")
        rows.append(
            {
                "gpu_uuid": (first(card, "uuid"), ""),
                "gpu_bus_id": (first(card, "pci"), ""),
                "pid": (pid, ""),
                "process_name": ("/usr/local/bin/server", ""),
                "used_memory": memory,
                "used_gpu_memory": memory,
            }
        )
    return rows


def _mebibytes(text: str) -> str:
    return str(int(text) // 1024**2)


def _watts(text: str) -> str:
    return f"{int(text) / 1000:.2f}"


def _first_word(text: str) -> str:
    return text.split()[0]


def _enabled(text: str) -> str:
    return ("Disabled", "Enabled")[int(text.split()[0]) > 0]


def _hexadecimal(text: str) -> str:
    return f"0x{int(text):016X}"


def _word(number: int) -> Form:
    return lambda text: text.split()[number]


_MODES = {"0": "Default", "1": "Exclusive_Thread", "2": "Prohibited", "3": "Exclusive_Process"}
#: Field: key of the data file, unit, form.
_FIELDS: dict[str, tuple[str, str, Form]] = {
    "index": ("minor", "", str),
    "count": ("minor", "", str),
    "driver_version": ("name", "", str),
    "name": ("name", "", str),
    "gpu_name": ("name", "", str),
    "uuid": ("uuid", "", str),
    "gpu_uuid": ("uuid", "", str),
    "pci.bus_id": ("pci", "", str),
    "gpu_bus_id": ("pci", "", str),
    "compute_cap": ("capability", "", lambda text: text.replace(" ", ".")),
    "memory.total": ("memory.total", "MiB", _mebibytes),
    "memory.used": ("memory.used", "MiB", _mebibytes),
    "utilization.gpu": ("utilisation", "%", _first_word),
    "temperature.gpu": ("temperature", "", str),
    "fan.speed": ("fan", "%", str),
    "power.draw": ("power", "W", _watts),
    "power.limit": ("power.limit", "W", _watts),
    "enforced.power.limit": ("power.limit", "W", _watts),
    "power.default_limit": ("power.default", "W", _watts),
    "clocks.gr": ("clock", "MHz", str),
    "clocks.max.gr": ("clock.max", "MHz", str),
    "pstate": ("pstate", "", lambda text: f"P{text}"),
    "clocks_throttle_reasons.active": ("throttle", "", _hexadecimal),
    "clocks_event_reasons.active": ("throttle", "", _hexadecimal),
    "persistence_mode": ("persistence", "", _enabled),
    "compute_mode": ("compute_mode", "", lambda text: _MODES.get(text, "Unknown")),
    "ecc.mode.current": ("ecc.mode", "", _enabled),
    "ecc.errors.uncorrected.volatile.total": ("ecc.uncorrected", "", str),
    "ecc.errors.corrected.volatile.total": ("ecc.corrected", "", str),
    "mig.mode.current": ("mig", "", _enabled),
    "pcie.link.gen.current": ("link", "", _word(0)),
    "pcie.link.gen.max": ("link", "", _word(1)),
    "pcie.link.width.current": ("link", "", _word(2)),
    "pcie.link.width.max": ("link", "", _word(3)),
}
_OF_PROCESS: dict[str, tuple[str, str, Form]] = {
    "gpu_uuid": ("", "", str),
    "gpu_bus_id": ("", "", str),
    "pid": ("", "", str),
    "process_name": ("", "", str),
    "used_memory": ("", "MiB", str),
    "used_gpu_memory": ("", "MiB", str),
}


if __name__ == "__main__":
    raise SystemExit(main())
