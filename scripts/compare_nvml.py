#!/usr/bin/env python3
"""Compare the stand-in NVML with the real one, field by field; keep what the real one said as a case.

    .venv/bin/python scripts/compare_nvml.py [--save recorded.json]

Asks the real library all that keepwell asks, describes a machine that says the same, asks the stand-in library
with that description, and prints every field that differs; 0 when none does. Also names the functions that the
stand-in has and this driver lacks. Needs a GPU, gcc and nvidia-ml-py; of keepwell its sources (PYTHONPATH=src).
--save keeps the real report; `--from FILE` compares a kept one again, without a GPU.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from keepwell.devices import _nvml_child as child
from keepwell.testing.fake_gpu.described import compare_reports, describe_report
from keepwell.testing.fake_gpu.library import SOURCE, build_libraries, find_cache
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data

#: Seconds for one report: a driver without persistence mode takes up to 3 s for each card.
SECONDS = 60.0


def main() -> int:
    """Print the differences; 1 when there are some or the real library does not answer."""
    parser = argparse.ArgumentParser(description="The stand-in NVML against the real one.")
    parser.add_argument("--save", type=Path, help="keep the real report in this file")
    parser.add_argument("--from", dest="kept", type=Path, help="compare this kept report instead of a real card")
    options = parser.parse_args()
    if options.kept:
        real = json.loads(options.kept.read_text(encoding="utf-8"))
    else:
        real = ask({})
        print_functions()
    if "error" in real:
        print(f"the real library does not start: {real['error']}", file=sys.stderr)
        return 1
    if options.save:
        options.save.write_text(json.dumps(real, indent=1) + "\n", encoding="utf-8")
    told = ask_stand_in(describe_report(real))
    differences = compare_reports(real, told)
    for line in differences:
        print(line)
    fields = sum(len(one) for one in real["devices"])
    print(f"{fields - len(differences)} of {fields} fields of {len(real['devices'])} card(s) are the same")
    return int(bool(differences))


def ask(environment: dict[str, str]) -> dict[str, Any]:
    """What keepwell's own child process is told, with these variables beside the usual ones."""
    ran = subprocess.run(
        [sys.executable, "-m", child.__name__],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def ask_stand_in(machine: FakeMachine) -> dict[str, Any]:
    """The same of the stand-in library that plays this machine."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "gpu.data"
        data.write_text(render_data(machine), encoding="utf-8")
        return ask({VARIABLE: str(data), "LD_LIBRARY_PATH": str(build_libraries(find_cache(), machine.without))})


def print_functions() -> None:
    """Functions of the stand-in that the real library lacks."""
    path = child.load_library()
    if not path:
        return
    real = ctypes.CDLL(path)
    ours = sorted(set(re.findall(r"^(?:int|const char \*)\s*(nvml\w+)\(", SOURCE.read_text(), re.MULTILINE)))
    lacking = [name for name in ours if not hasattr(real, name)]
    print(f"{len(ours) - len(lacking)} of {len(ours)} functions of the stand-in are in {path}")
    for name in lacking:
        print(f"  not there: {name}")


if __name__ == "__main__":
    raise SystemExit(main())
