#!/usr/bin/env python3
"""Measure what each question to NVML costs on this machine, and which step wakes a sleeping card; prints JSON.

    .venv/bin/python scripts/measure_nvml.py [--times 50] [--wait 60] > nvml.json

Awake: every question of a survey, asked so many times of every card: least, median and most microseconds.
Watched: every question of the collector, its numbered fields one by one, and two calls that it avoids because they are
said to wait. Looks: whole looks of the collector, wall clock and processor time. Asleep: for each card whose power
management is automatic, waits (at most --wait seconds each time) until it is suspended, then goes one step further
than before (start NVML, ask for the handle, ask one question) in a process of its own, and tells in which step it
woke. Let alone: whether those cards fall asleep and stay so while the collector looks once a second.

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
from functools import partial
from pathlib import Path
from typing import Any

import pynvml

from keepwell.devices import _nvml_child as child
from keepwell.devices.nvidia.vendor import Nvidia
from keepwell.devices.nvidia.watch_fields import field_questions
from keepwell.devices.nvidia.watch_profile import Profile
from keepwell.devices.nvidia.watch_questions import (
    NEW_MEMORY,
    OLD_MEMORY,
    QUESTIONS,
    count_computing,
    list_processes,
)
from keepwell.plugins.collector import Moment
from keepwell.telemetry.held import HeldSight

PCI = Path("/sys/bus/pci/devices")
#: Fields of the collector, one by one; and one that is said to take milliseconds (power averaged over a second).
FIELD_NUMBERS = (74, 82, 83, 94, 138, 139, 197, 198, 251, 252, 253, 269, 270, 271)
AVOIDED_FIELDS = (185, 186)
#: Seconds between two looks at whether a card sleeps; a look at this file wakes nothing.
LOOK_SECONDS = 0.5


def main() -> int:
    """Print the measurement; 1 when NVML does not start."""
    options = parse_arguments()
    if options.step:
        return take_step(options.step)
    child.load_library()
    try:
        start = timed(pynvml.nvmlInit)
    except child.Refused as error:
        print(json.dumps({"error": str(error)}))
        return 1
    report: dict[str, Any] = {
        "driver": child._ask(pynvml.nvmlSystemGetDriverVersion),
        "start_microseconds": start,
        "awake": [measure_card(number, options.times) for number in range(pynvml.nvmlDeviceGetCount())],
        "watched": [measure_questions(number, options.times) for number in range(pynvml.nvmlDeviceGetCount())],
    }
    report["stop_microseconds"] = timed(pynvml.nvmlShutdown)
    report["looks"] = measure_looks(options.times)
    report["asleep"] = [watch_card(one, options.wait) for one in report["awake"]]
    report["let_alone"] = look_on(report["awake"], options.wait)
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
        call = measure(name, question, handle, times)
        found["calls"].append(call | {"power_before": before, "power_after": power_of(found["pci"])})
    return found


def measure(name: str, question: Callable[[Any], Any], handle: Any, times: int) -> dict[str, Any]:
    """One question, asked so many times."""
    costs, answer = [], None
    for _ in range(times):
        began = time.perf_counter_ns()
        answer = child._ask(question, handle)
        costs.append((time.perf_counter_ns() - began) / 1000)
    refused = isinstance(answer, dict) and answer.get("missing")
    return {"question": name, "microseconds": spread(costs), "refused": refused or None}


def spread(costs: list[float]) -> dict[str, float]:
    """Least, median, most, and the first."""
    return {"least": min(costs), "median": statistics.median(costs), "most": max(costs), "first": costs[0]}


def measure_questions(number: int, times: int) -> dict[str, Any]:
    """Every question of the collector to one card, and what it avoids."""
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(number)
        driver = str(pynvml.nvmlSystemGetDriverVersion())
    except child.Refused as error:
        return {"index": number, "error": str(error)}
    asked = {
        " ".join(dict.fromkeys(name for name, _ in one.names)): one.ask
        for one in (NEW_MEMORY, OLD_MEMORY, *field_questions(driver), *QUESTIONS)
    }
    asked |= {f"field {one}": partial(ask_field, one) for one in (*FIELD_NUMBERS, *AVOIDED_FIELDS)}
    asked |= {"processes": list_processes, "computing": count_computing, "avoided: PCIe throughput": ask_throughput}
    profile = Profile()
    asked["profile"] = profile
    calls = [measure(name, ask, handle, times) for name, ask in asked.items()]
    profile.close()
    return {"index": number, "calls": calls}


def ask_field(number: int, handle: Any) -> Any:
    """One numbered field; refused as NVML says."""
    (value,) = pynvml.nvmlDeviceGetFieldValues(handle, [number])
    if value.nvmlReturn:
        raise pynvml.NVMLError(value.nvmlReturn)
    return value.value.ullVal


def ask_throughput(handle: Any) -> Any:
    """What NVML averages over 20 ms."""
    return pynvml.nvmlDeviceGetPcieThroughput(handle, pynvml.NVML_PCIE_UTIL_TX_BYTES)


def measure_looks(times: int) -> dict[str, Any]:
    """Whole looks of the collector, a second apart by its own clock and one after the other by ours."""
    looker, sight = Nvidia().watch("here"), HeldSight()
    walls, busy, series = [], [], 0
    for second in range(times + 1):
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        series = len(list(looker.look(sight, Moment(time.time(), float(second)))))
        walls.append((time.perf_counter_ns() - wall) / 1000)
        busy.append((time.process_time_ns() - cpu) / 1000)
    looker.close()
    return {
        "series": series,
        "start_microseconds": walls[0],
        "microseconds": spread(walls[1:]),
        "processor_microseconds": spread(busy[1:]),
    }


def look_on(cards: list[dict[str, Any]], wait: float) -> dict[str, Any]:
    """Does a card that may sleep fall asleep and stay so while the collector looks once a second?"""
    watched = [card["pci"] for card in cards if power_of(card["pci"]).get("control") == "auto"]
    if not watched:
        return {"skipped": "no card's power management is automatic"}
    looker, sight = Nvidia().watch("here"), HeldSight()
    states = []
    for second in range(int(wait) + 1):
        list(looker.look(sight, Moment(time.time(), float(second))))
        states.append({pci: power_of(pci).get("runtime_status", "") for pci in watched})
        time.sleep(1.0)
    looker.close()
    return {"cards": watched, "seconds": len(states), "states": states}


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
    child.load_library()
    pynvml.nvmlInit()
    if number:
        handle = pynvml.nvmlDeviceGetHandleByIndex(int(number))
        if name in child.QUESTIONS:
            child._ask(child.QUESTIONS[name], handle)
    pynvml.nvmlShutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
