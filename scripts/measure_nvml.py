#!/usr/bin/env python3
"""Measure what each question to NVML costs on this machine, and which step wakes a sleeping card; prints JSON.

    .venv/bin/python scripts/measure_nvml.py [--times 50] [--wait 60] > nvml.json

Awake: every question that keepwell asks, asked so many times of every card: least, median and most
microseconds. Asleep: for each card whose power management is automatic, waits (at most --wait seconds each time)
until it is suspended, then goes one step further than before (start NVML, ask for the handle, ask one question)
in a process of its own, and tells in which step it woke.

Reads only; needs no root, and beside nvidia-ml-py nothing but keepwell's sources (PYTHONPATH=src). For a machine
with a GPU: without one it prints NVML's reason and ends with 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml

from keepwell.devices import _nvml_child as child

PCI = Path("/sys/bus/pci/devices")
#: Seconds between two looks at whether a card sleeps; a look at this file wakes nothing.
LOOK_SECONDS = 0.5


def main() -> int:
    """Print the measurement; 1 when NVML does not start."""
    options = parse_arguments()
    if options.step:
        return take_step(options.step)
    child.load_library((child.SONAME, *(f"{folder}/{child.SONAME}" for folder in child.FOLDERS)))
    try:
        start = timed(pynvml.nvmlInit)
    except child.Refused as error:
        print(json.dumps({"error": str(error)}))
        return 1
    report: dict[str, Any] = {
        "driver": child._ask(pynvml.nvmlSystemGetDriverVersion),
        "start_microseconds": start,
        "awake": [measure_card(number, options.times) for number in range(pynvml.nvmlDeviceGetCount())],
    }
    report["stop_microseconds"] = timed(pynvml.nvmlShutdown)
    report["asleep"] = [watch_card(one, options.wait) for one in report["awake"]]
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0


def parse_arguments() -> argparse.Namespace:
    """How often to ask, and how long to wait for sleep."""
    parser = argparse.ArgumentParser(description="What each question to NVML costs.")
    parser.add_argument("--times", type=int, default=50, help="how often each question is asked")
    parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait until a card sleeps")
    parser.add_argument("--step", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def timed(call: Callable[[], Any]) -> float:
    """Microseconds of one call."""
    began = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - began) / 1000


def measure_card(number: int, times: int) -> dict[str, Any]:
    """Every question to one card."""
    found: dict[str, Any] = {"index": number, "pci": "", "calls": []}
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    except child.Refused as error:
        return found | {"error": str(error)}
    found["pci"] = address_of(child._ask(child._pci, handle))
    for name, question in child.QUESTIONS.items():
        before = power_of(found["pci"])
        costs, answer = [], None
        for _ in range(times):
            began = time.perf_counter_ns()
            answer = child._ask(question, handle)
            costs.append((time.perf_counter_ns() - began) / 1000)
        refused = isinstance(answer, dict) and answer.get("missing")
        found["calls"].append(
            {
                "question": name,
                "microseconds": {
                    "least": min(costs),
                    "median": statistics.median(costs),
                    "most": max(costs),
                    "first": costs[0],
                },
                "refused": refused or None,
                "power_before": before,
                "power_after": power_of(found["pci"]),
            }
        )
    return found


def address_of(pci: Any) -> str:
    """The address as sysfs writes it; "" where the card does not tell it."""
    if not isinstance(pci, str):
        return ""
    domain, _, rest = pci.lower().partition(":")
    return f"{domain[-4:]}:{rest}"


def power_of(pci: str) -> dict[str, str]:
    """Its power state and who manages it, read from files that wake nothing; empty where they are not there."""
    found = {}
    for name in ("runtime_status", "control", "runtime_suspended_time"):
        try:
            found[name] = (PCI / pci / "power" / name).read_text().strip()
        except OSError:
            continue
    return found


def watch_card(card: dict[str, Any], wait: float) -> dict[str, Any]:
    """In which step a card wakes; why not, where it never sleeps."""
    pci = card["pci"]
    found: dict[str, Any] = {"index": card["index"], "pci": pci, "steps": []}
    if not pci or power_of(pci).get("control") != "auto":
        return found | {"skipped": "its power management is not automatic, so that it never sleeps"}
    for step in ("start", f"handle:{card['index']}", *(f"{name}:{card['index']}" for name in child.QUESTIONS)):
        if not wait_for_sleep(pci, wait):
            return found | {"skipped": f"it did not fall asleep within {wait:g} s"}
        began = time.perf_counter_ns()
        ran = subprocess.run([sys.executable, __file__, "--step", step], capture_output=True, text=True, check=False)
        seconds = (time.perf_counter_ns() - began) / 1e9
        after = power_of(pci).get("runtime_status", "")
        found["steps"].append({"step": step, "code": ran.returncode, "seconds": seconds, "power_after": after})
    return found


def wait_for_sleep(pci: str, seconds: float) -> bool:
    """True once it is suspended."""
    deadline = time.monotonic() + seconds
    while power_of(pci).get("runtime_status") != "suspended":
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def take_step(step: str) -> int:
    """Start NVML; with a handle or a question behind it, ask for that too."""
    name, _, number = step.partition(":")
    child.load_library((child.SONAME, *(f"{folder}/{child.SONAME}" for folder in child.FOLDERS)))
    pynvml.nvmlInit()
    if number:
        handle = pynvml.nvmlDeviceGetHandleByIndex(int(number))
        if name in child.QUESTIONS:
            child._ask(child.QUESTIONS[name], handle)
    pynvml.nvmlShutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
