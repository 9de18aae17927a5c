"""Stand-in programs as files that can be run: nvidia-smi, rocm-smi, amd-smi, xpu-smi, and macOS's own.

nvidia-smi works on the data file; the others print what the machine's description renders for the arguments
that are known, and end with code 2 for others, as the real ones do.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_gpu.others import (
    render_amd_smi,
    render_discovery,
    render_displays,
    render_ioreg,
    render_properties,
    render_rocm_smi,
    render_stats,
    render_sysctl,
)

NVIDIA_SMI = "#!{python}\nfrom keepwell.testing.fake_gpu.nvidia_smi import main\n\nraise SystemExit(main())\n"
RECORDED = """\
#!{python}
import json
import sys

answers = json.loads({answers!r})
asked = " ".join(sys.argv[1:])
if asked not in answers:
    sys.exit(2)
sys.stdout.write(answers[asked])
"""
#: As the AMD plug-in asks, and as people do.
ROCM_SMI = "--showbus --showproductname --showmeminfo vram --showuse --showtemp --showpower --json"
AMD_SMI = "static --asic --bus --vram --json"


def write_programs(folder: Path, machine: FakeMachine) -> dict[str, Path]:
    """Write each program of the machine into a folder; its path by its name. None where it has no programs."""
    texts = {name: RECORDED.format(python=sys.executable, answers=json.dumps(told)) for name, told in _told(machine)}
    if machine.cards:
        texts["nvidia-smi"] = NVIDIA_SMI.format(python=sys.executable)
    if not machine.programs:
        texts = {}
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, text in texts.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        found[name] = path
    return found


def _told(machine: FakeMachine) -> list[tuple[str, dict[str, str]]]:
    """Each program with its answers by arguments."""
    found: list[tuple[str, dict[str, str]]] = []
    if machine.amd:
        found += [
            ("rocm-smi", {ROCM_SMI: render_rocm_smi(machine.amd)}),
            ("amd-smi", {AMD_SMI: render_amd_smi(machine.amd)}),
        ]
    if machine.intel:
        told = {"discovery -j": render_discovery(machine.intel)}
        for number, card in enumerate(machine.intel):
            told[f"discovery -d {number} -j"] = render_properties(number, card)
            told[f"stats -d {number} -j"] = render_stats(number, card)
        found.append(("xpu-smi", told))
    if machine.apple is not None:
        chip = machine.apple
        sysctl = {"-n machdep.cpu.brand_string hw.memsize": render_sysctl(chip)}
        sysctl["-n iogpu.wired_limit_mb"] = f"{chip.wired_limit_megabytes}\n"
        found += [
            ("sysctl", sysctl),
            ("ioreg", {"-r -d 1 -w 0 -c IOAccelerator": render_ioreg(chip)}),
            ("system_profiler", {"SPDisplaysDataType -json": render_displays(chip)}),
        ]
    return found
