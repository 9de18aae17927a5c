"""`nvidia-smi -q`: the sections that people paste when something is wrong."""

from __future__ import annotations

from keepwell.testing.fake_gpu.machine import Section
from keepwell.testing.fake_gpu.sections import cell_of, first

#: Columns before the colon.
WIDTH = 42
_LICENCES = {
    "0": "Unlicensed",
    "2": "Unlicensed (Unrestricted)",
    "3": "Unlicensed (Restricted)",
    "4": "Unlicensed",
    "5": "Licensed (Expiry: N/A)",
}
_VIRTUAL = {"0": "None", "1": "Pass-Through", "2": "VGPU", "3": "Host VGPU"}
#: Bits of the reasons for lowered clocks, in the order of the report.
_REASONS = (
    (0x001, "Idle"),
    (0x002, "Applications Clocks Setting"),
    (0x004, "SW Power Cap"),
    (0x008, "HW Slowdown"),
    (0x040, "    HW Thermal Slowdown"),
    (0x080, "    HW Power Brake Slowdown"),
    (0x010, "Sync Boost"),
    (0x020, "SW Thermal Slowdown"),
    (0x100, "Display Clock Setting"),
)


def render_report(machine: Section, cards: list[tuple[int, Section]]) -> str:
    """The report of all cards."""
    cuda = int(first(machine, "cuda") or 0)
    head = [
        "",
        "==============NVSMI LOG==============",
        "",
        _line(0, "Driver Version", first(machine, "driver")),
        _line(0, "CUDA Version", f"{cuda // 1000}.{cuda % 1000 // 10}"),
        "",
        _line(0, "Attached GPUs", str(len(cards))),
    ]
    return "\n".join([*head, *(line for _, card in cards for line in _card(card))]) + "\n"


def _card(card: Section) -> list[str]:
    remapped = (_say(card, "remapped") + " - - - -").split()
    link = (_say(card, "link") + " N/A N/A N/A N/A").split()
    virtual = _VIRTUAL.get(first(card, "virtual"), "N/A")
    return [
        f"GPU {first(card, 'pci')}",
        _line(1, "Product Name", first(card, "name")),
        _line(1, "Persistence Mode", _enabled(card, "persistence")),
        "    MIG Mode",
        _line(2, "Current", _enabled(card, "mig")),
        _line(2, "Pending", _enabled(card, "mig", 1)),
        _line(1, "GPU UUID", first(card, "uuid")),
        "    GPU Virtualization Mode",
        _line(2, "Virtualization Mode", virtual),
        *_licence(card),
        "    PCI",
        "        GPU Link Info",
        "            PCIe Generation",
        _line(4, "Max", link[1]),
        _line(4, "Current", link[0]),
        "            Link Width",
        _line(4, "Max", _lanes(link[3])),
        _line(4, "Current", _lanes(link[2])),
        _line(1, "Performance State", "P" + _say(card, "pstate")),
        "    Clocks Event Reasons",
        *_reasons(card),
        "    FB Memory Usage",
        _line(2, "Total", _mebibytes(card, "memory.total")),
        _line(2, "Used", _mebibytes(card, "memory.used")),
        _line(1, "Compute Mode", {"0": "Default", "2": "Prohibited"}.get(_say(card, "compute_mode"), "N/A")),
        "    ECC Errors",
        "        Volatile",
        _line(3, "SRAM Uncorrectable", _say(card, "ecc.uncorrected")),
        _line(3, "DRAM Uncorrectable", _say(card, "ecc.uncorrected")),
        "    Remapped Rows",
        _line(2, "Correctable Error", remapped[0]),
        _line(2, "Uncorrectable Error", remapped[1]),
        _line(2, "Pending", _yes(remapped[2])),
        _line(2, "Remapping Failure Occurred", _yes(remapped[3])),
        "    Temperature",
        _line(2, "GPU Current Temp", f"{_say(card, 'temperature')} C"),
    ]


def _licence(card: Section) -> list[str]:
    state = first(card, "licence").partition(" ")[0]
    if not state:
        return []
    return [
        "    vGPU Software Licensed Product",
        _line(2, "Product Name", first(card, "licence.product")),
        _line(2, "License Status", _LICENCES.get(state, "Unlicensed")),
    ]


def _reasons(card: Section) -> list[str]:
    cell = cell_of(card, "throttle")
    if cell.code:
        return [_line(2, words, "N/A") for _, words in _REASONS]
    bits = int(cell.text)
    return [_line(2, words, ("Not Active", "Active")[bool(bits & bit)]) for bit, words in _REASONS]


def _line(depth: int, name: str, value: str) -> str:
    return f"{'    ' * depth + name:<{WIDTH}}: {value}"


def _say(card: Section, key: str) -> str:
    cell = cell_of(card, key)
    if cell.code:
        return {3: "N/A", 15: "GPU is lost", 16: "GPU requires reset"}.get(cell.code, "Unknown Error")
    return cell.text


def _enabled(card: Section, key: str, number: int = 0) -> str:
    cell = cell_of(card, key)
    if cell.code:
        return "N/A"
    return ("Disabled", "Enabled")[int(cell.text.split()[number]) > 0]


def _mebibytes(card: Section, key: str) -> str:
    text = _say(card, key)
    return f"{int(text) // 1024**2} MiB" if text.isdigit() else text


def _lanes(text: str) -> str:
    return f"{text}x" if text.isdigit() else text


def _yes(text: str) -> str:
    return {"0": "No", "1": "Yes"}.get(text, "N/A")
