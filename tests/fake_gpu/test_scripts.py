"""The scripts for a machine with a GPU, run on the stand-in: they must be ready when one is at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keepwell.devices import _nvml_child
from keepwell.testing.fake_gpu.described import compare_reports, describe_report
from keepwell.testing.fake_gpu.library import build_libraries
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data
from keepwell.testing.fake_gpu.scenarios import SCENARIOS
from tests.fake_gpu.played import CACHE, needs_compiler

ROOT = Path(__file__).resolve().parents[2]
pytestmark = needs_compiler


def run(machine: FakeMachine, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """A Python command with the stand-in driver of a machine."""
    data = folder / "gpu.data"
    data.write_text(render_data(machine))
    environment = {
        **os.environ,
        VARIABLE: str(data),
        "LD_LIBRARY_PATH": str(build_libraries(CACHE, machine.without)),
        "XDG_CACHE_HOME": str(CACHE.parent),
    }
    argv = (sys.executable, *argv)
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def report(machine: FakeMachine, folder: Path) -> dict[str, Any]:
    """What keepwell's child is told on this machine."""
    found: dict[str, Any] = json.loads(run(machine, folder, "-m", _nvml_child.__name__).stdout)
    return found


@pytest.mark.parametrize("name", ["geforce", "mig-split", "unified-memory", "virtual-licensed", "lost"])
def test_a_report_describes_a_machine_that_gives_it_again(name: str, tmp_path: Path) -> None:
    first = report(SCENARIOS[name].machine, tmp_path)
    assert first["devices"]
    again = report(describe_report(first), tmp_path)
    assert compare_reports(first, again) == []


def test_a_difference_is_told_by_card_and_field() -> None:
    one = {"driver": "1", "devices": [{"index": 0, "power": 3}]}
    other = {"driver": "2", "devices": [{"index": 0, "power": 4}, {}]}
    assert compare_reports(one, other) == [
        "machine driver: 1 here, 2 there",
        "machine devices: 1 here, 2 there",
        "device 0 power: 3 here, 4 there",
    ]


def test_each_question_is_measured(tmp_path: Path) -> None:
    ran = run(SCENARIOS["geforce"].machine, tmp_path, str(ROOT / "scripts/measure_nvml.py"), "--times", "3")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    (card,) = found["awake"]
    assert [one["question"] for one in card["calls"]] == list(_nvml_child.QUESTIONS)
    for one in card["calls"]:
        cost = one["microseconds"]
        assert 0 < cost["least"] <= cost["median"] <= cost["most"]
    assert {one["question"] for one in card["calls"] if one["refused"]} == {
        "ecc_uncorrected", "remapped_rows", "retired_pending", "partition",
    }  # fmt: skip
    assert "never sleeps" in found["asleep"][0]["skipped"]
    watched = {one["question"] for one in found["watched"][0]["calls"]}
    assert {"device.power_watts", "field 83", "processes", "avoided: PCIe throughput"} <= watched
    assert found["looks"]["series"] > 30
    assert found["looks"]["processor_microseconds"]["median"] > 0
    assert "automatic" in found["let_alone"]["skipped"]


def test_without_a_driver_the_reason_is_printed(tmp_path: Path) -> None:
    ran = run(FakeMachine(nvml_code=9), tmp_path, str(ROOT / "scripts/measure_nvml.py"))
    assert (ran.returncode, json.loads(ran.stdout)) == (1, {"error": "Driver Not Loaded"})


def test_the_comparison_keeps_a_report_and_finds_it_the_same(tmp_path: Path) -> None:
    script, kept = str(ROOT / "scripts/compare_nvml.py"), tmp_path / "kept.json"
    ran = run(SCENARIOS["geforce"].machine, tmp_path, script, "--save", str(kept))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "22 of 22 fields of 1 card(s) are the same" in ran.stdout
    again = run(SCENARIOS["h100"].machine, tmp_path, script, "--from", str(kept))
    assert again.returncode == 0, again.stdout


def test_they_need_no_package_of_keepwell_s_but_the_binding() -> None:
    """A machine with a GPU often has little else: without site-packages all but the binding must be found."""
    modules = ("described", "library", "machine", "programs", "nvidia_smi", "scenarios_well")
    names = ", ".join(f"keepwell.testing.fake_gpu.{one}" for one in modules)
    script = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); import {names}"
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
