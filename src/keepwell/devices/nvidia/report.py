"""`nvidia-smi -q`: the report of every card, as far as faults show in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from keepwell.core.observation import Value
from keepwell.formats.transcript import Line

_CARD = re.compile(r"^GPU (?P<pci>[0-9A-Fa-f]{8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])\s*$")
_FIELD = re.compile(r"^(?P<blanks> {2,32})(?P<name>[A-Za-z][\w ./()-]{1,60}?)\s*: (?P<value>\S.{0,100})$")
_TITLE = re.compile(r"^(?P<blanks> {2,32})(?P<name>[A-Za-z][\w ./()-]{1,60}?)\s*$")
_MEMORY = re.compile(r"^(\d{1,8}) MiB$")
#: nvidia-smi's words for reasons of lowered clocks, as observations name them.
_REASONS = {
    "HW Slowdown": "hardware-slowdown",
    "HW Thermal Slowdown": "thermal-hardware",
    "HW Power Brake Slowdown": "power-brake",
    "SW Thermal Slowdown": "thermal",
    "SW Power Cap": "power-limit",
    "Sync Boost": "sync-boost",
    "Idle": "idle",
}
#: Sections that people cut out of the report.
_BEGINNINGS = ("Clocks Event Reasons", "Clocks Throttle Reasons", "vGPU Software Licensed Product", "GPU Link Info")
MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class Report:
    """One card of the report: values by their titles (`section/name`, or `name` alone), and the lines they stand in."""

    pci: str
    line: int
    values: dict[str, str] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)

    @property
    def reasons(self) -> tuple[str, ...] | None:
        """Reasons for lowered clocks, or None where they are not told."""
        told = {name: value for name, value in self.values.items() if name in _REASONS}
        if not told or any(value not in ("Active", "Not Active") for value in told.values()):
            return None
        return tuple(_REASONS[name] for name, value in told.items() if value == "Active")

    @property
    def link(self) -> Mapping[str, Value]:
        """The PCIe link as device.link has it; {} where its width is not told."""
        names = {
            "generation": "PCIe Generation/Current",
            "generation_max": "PCIe Generation/Max",
            "width": "Link Width/Current",
            "width_max": "Link Width/Max",
        }
        digits = {name: self.values.get(title, "").removesuffix("x") for name, title in names.items()}
        if not (_is_number(digits["width"]) and _is_number(digits["width_max"])):
            return {}
        return {name: int(text) for name, text in digits.items() if _is_number(text)}

    @property
    def memory_health(self) -> Mapping[str, Value]:
        """Memory errors and repairs as device.memory_health has them; {} where none of them is told."""
        told = [self.values.get(f"Volatile/{kind} Uncorrectable", "") for kind in ("SRAM", "DRAM")]
        found: dict[str, Value] = {}
        if any(_is_number(text) for text in told):
            found["uncorrected_errors"] = sum(int(text) for text in told if _is_number(text))
        for name, title in (("remap_pending", "Pending"), ("remap_failed", "Remapping Failure Occurred")):
            word = self.values.get(f"Remapped Rows/{title}", "")
            if word in ("Yes", "No"):
                found[name] = word == "Yes"
        return found

    def bytes_of(self, name: str) -> int | None:
        """Bytes of a value in MiB, or None."""
        found = _MEMORY.match(self.values.get(name, ""))
        if found is None:
            return None
        return int(found[1]) * MEBIBYTE


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def parse_report(lines: Iterable[Line]) -> Iterator[Report]:
    """Every card that the lines report, in order."""
    current: Report | None = None
    titles: dict[int, str] = {}
    for line in lines:
        card = _CARD.match(line.text)
        if card is not None:
            if current is not None:
                yield current
            current, titles = Report(pci=card["pci"].lower()[4:], line=line.number), {}
            continue
        title = _TITLE.match(line.text)
        if current is None and title is not None and title["name"] in _BEGINNINGS:
            current, titles = Report(pci="", line=line.number), {}
        if current is None:
            continue
        if title is not None:
            titles = {depth: one for depth, one in titles.items() if depth < len(title["blanks"])}
            titles[len(title["blanks"])] = title["name"]
            continue
        told = _FIELD.match(line.text)
        if told is not None:
            above = [titles[depth] for depth in sorted(titles) if depth < len(told["blanks"])]
            current.values["/".join([*above[-1:], told["name"]])] = told["value"].strip()
            current.values.setdefault(told["name"], told["value"].strip())
            current.lines.append(line.number)
    if current is not None:
        yield current
