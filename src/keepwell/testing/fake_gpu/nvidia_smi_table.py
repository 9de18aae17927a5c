"""The plain table of nvidia-smi, in the layout that the 535 and newer branches print."""

from __future__ import annotations

from keepwell.testing.fake_gpu.machine import Section
from keepwell.testing.fake_gpu.sections import cell_of, first

RULE = "+-----------------------------------------+------------------------+----------------------+"
LINE = "+-----------------------------------------------------------------------------------------+"
_HEAD = """\
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
"""
_MODES = {"0": "Default", "2": "Prohibited", "3": "E. Process"}


def render_table(machine: Section, cards: list[tuple[int, Section]]) -> str:
    """The whole table with its list of processes."""
    driver, cuda = first(machine, "driver"), int(first(machine, "cuda") or 0)
    version = f"{cuda // 1000}.{cuda % 1000 // 10}"
    head = f"| NVIDIA-SMI {driver:<23}Driver Version: {driver:<15}CUDA Version: {version:<8} |\n"
    rows = "".join(_render_card(number, card) for number, card in cards)
    return f"{LINE}\n{head}|{RULE[1:-1]}|\n{_HEAD}{rows}{_instances(cards)}{_processes(cards)}"


def _render_card(number: int, card: Section) -> str:
    on = _choose(card, "persistence", ("Off", "On"))
    ecc = _say(card, "ecc.uncorrected", "N/A")
    fan = _percent(_say(card, "fan", "N/A"))
    heat = _say(card, "temperature", "N/A")
    state = _say(card, "pstate", "N/A")
    state = f"P{state}" if state.isdigit() else state
    power = f"{_watts(card, 'power')} / {_watts(card, 'power.limit'):>4}"
    use = _percent(_say(card, "utilisation", "N/A").split()[0])
    mode = _MODES.get(_say(card, "compute_mode", "0"), "Default")
    mig = _choose(card, "mig", ("Disabled", "Enabled"))
    name = first(card, "name")[:26]
    pci = first(card, "pci")
    heat = f"{heat}C" if heat.isdigit() else heat
    return (
        f"| {number:>3}  {name:<27}{on:>7} |   {pci} Off | {ecc:>20} |\n"
        f"| {fan:<4} {heat:>4}  {state:>4} {power:>23} | {_memory(card):>22} | {use:>8} {mode:>11} |\n"
        f"| {'':39} | {'':22} | {mig:>20} |\n{RULE}\n"
    )


def _memory(card: Section) -> str:
    total, used = cell_of(card, "memory.total"), cell_of(card, "memory.used")
    if total.code or used.code:
        return "Not Supported" if total.code == 3 else "ERR!"
    return f"{int(used.text) // 1024**2}MiB / {int(total.text) // 1024**2:>6}MiB"


def _watts(card: Section, key: str) -> str:
    text = _say(card, key, "N/A")
    return f"{int(text) // 1000}W" if text.isdigit() else text


def _choose(card: Section, key: str, words: tuple[str, str]) -> str:
    cell = cell_of(card, key)
    if cell.code:
        return _word(cell.code, "N/A")
    return words[int(cell.text.split()[0]) > 0]


def _say(card: Section, key: str, otherwise: str) -> str:
    cell = cell_of(card, key)
    return _word(cell.code, otherwise) if cell.code else cell.text


def _word(code: int, otherwise: str) -> str:
    return otherwise if code == 3 else "ERR!"


def _percent(text: str) -> str:
    return f"{text}%" if text.isdigit() else text


def _instances(cards: list[tuple[int, Section]]) -> str:
    split = [(number, card) for number, card in cards if first(card, "mig").startswith("1")]
    if not split:
        return "\n"
    rows = [
        f"|  {number}  {index:>3}   0  {index:>3}  |   0MiB / {int(instance.split()[1]) // 1024**2:>6}MiB"
        for number, card in split
        for index, instance in enumerate(card.get("instance", ()))
    ] or ["|  No MIG devices found"]
    head = "| MIG devices:"
    return "\n" + "".join(f"{row:<90}|\n" for row in [head, *rows]).join((f"{LINE}\n", f"{LINE}\n\n"))


def _processes(cards: list[tuple[int, Section]]) -> str:
    rows = []
    for number, card in cards:
        for kind, key in (("C", "process"), ("G", "graphics")):
            for line in card.get(key, ()):
                pid, used, *_ = line.split()
                memory = "N/A" if used == "-" else f"{int(used) // 1024**2}MiB"
                rows.append(f"|  {number:>3}   N/A  N/A  {pid:>10}      {kind}   /usr/local/bin/server {memory:>28} ")
    rows = rows or ["|  No running processes found"]
    head = [
        "| Processes:",
        "|  GPU   GI   CI        PID   Type   Process name                              GPU Memory ",
    ]
    body = "".join(f"{row:<90}|\n" for row in [*head, *rows])
    return f"{LINE}\n{body}{LINE}\n"
