"""What people paste: the stand-in nvidia-smi's output on the machines of the table, judged as text alone."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from pathlib import Path

import pytest

from keepwell.app.diagnosing import diagnose_text
from keepwell.testing.fake_gpu.machine import VARIABLE, render_data
from keepwell.testing.fake_gpu.nvidia_smi import answer
from keepwell.testing.fake_gpu.programs import write_programs
from keepwell.testing.fake_gpu.scenarios import SCENARIOS

CSV = "--query-gpu=index,name,memory.total,memory.used,clocks_event_reasons.active,power.draw,pcie.link.width.current"
#: Machine, arguments, the first cause of the text.
TOLD = [
    ("off-the-bus", "", "gpu-hardware-or-firmware-fault"),
    ("off-the-bus", "-L", "gpu-hardware-or-firmware-fault"),
    ("lost", "", "gpu-hardware-or-firmware-fault"),
    ("lost", CSV, "gpu-hardware-or-firmware-fault"),
    ("memory-errors", "-q", "gpu-hardware-or-firmware-fault"),
    ("memory-beyond-repair", "-q", "gpu-hardware-or-firmware-fault"),
    ("reset-required", "", "gpu-hardware-or-firmware-fault"),
    ("too-hot", "-q", "gpu-throttled"),
    ("power-brake", "-q", "gpu-throttled"),
    ("virtual-unlicensed", "-q", "gpu-throttled"),
    ("one-lane", "-q", "pcie-link-narrow"),
    ("mig-without-instances", "", "mig-without-instances"),
    ("library-mismatch", "", "driver-library-version-mismatch"),
    ("driver-not-loaded", "-L", "kernel-module-not-loaded"),
]
WELL = ("h100", "geforce", "mig-split", "unified-memory", "old-driver", "virtual-licensed")
#: A healthy machine's report may remind of something, but nothing in it may count for more than doubt.
DOUBT = 0.6


def run(name: str, arguments: str, folder: Path) -> str:
    """Standard output of the stand-in nvidia-smi on a machine."""
    data = folder / "gpu.data"
    data.write_text(render_data(SCENARIOS[name].machine))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        answer(arguments.split(), data)
    return printed.getvalue()


def test_it_is_a_program(tmp_path: Path) -> None:
    data = tmp_path / "gpu.data"
    data.write_text(render_data(SCENARIOS["lost"].machine))
    program = write_programs(tmp_path / "bin", SCENARIOS["lost"].machine)["nvidia-smi"]
    ran = subprocess.run(
        [program, "-L"], env={VARIABLE: str(data)}, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stderr) == (15, "")
    assert ran.stdout == run("lost", "-L", tmp_path)


@pytest.mark.parametrize(("name", "arguments", "cause"), TOLD)
def test_the_text_alone_tells_the_cause(name: str, arguments: str, cause: str, tmp_path: Path) -> None:
    diagnosis = diagnose_text(run(name, arguments, tmp_path)).diagnosis
    ranking = [(one.issue, round(one.confidence, 2)) for one in diagnosis.hypotheses]
    assert ranking[0][0] == cause, ranking
    assert ranking[0][1] > diagnosis.unknown


@pytest.mark.parametrize("arguments", ["", "-q", CSV])
@pytest.mark.parametrize("name", WELL)
def test_a_healthy_report_is_no_fault(name: str, arguments: str, tmp_path: Path) -> None:
    diagnosis = diagnose_text(run(name, arguments, tmp_path)).diagnosis
    assert [(one.issue, one.confidence) for one in diagnosis.hypotheses if one.confidence >= DOUBT] == []


def test_tables_keep_their_columns(tmp_path: Path) -> None:
    for name in ("h100", "geforce", "unified-memory", "reset-required", "mig-split"):
        lines = [line for line in run(name, "", tmp_path).splitlines() if line.startswith(("|", "+"))]
        assert {len(line) for line in lines} == {91}, name


def test_lists_and_queries_have_their_forms(tmp_path: Path) -> None:
    assert re.fullmatch(r"GPU 0: NVIDIA GeForce RTX 4090 \(UUID: GPU-[0-9a-f-]{36}\)\n", run("geforce", "-L", tmp_path))
    assert "  MIG 3g.20gb     Device  1: (UUID: MIG-" in run("mig-split", "-L", tmp_path)
    told = run("h100", "--query-compute-apps=pid,used_memory --format=csv", tmp_path)
    assert told == "pid, used_memory [MiB]\n4712, 20480 MiB\n"
    told = run("geforce", "--query-gpu=ecc.errors.uncorrected.volatile.total,fan.speed --format=csv,noheader", tmp_path)
    assert told == "[N/A], 30 %\n"
    assert run("h100", "--query-gpu=no.such", tmp_path) == 'Field "no.such" is not a valid field to query.\n\n'
