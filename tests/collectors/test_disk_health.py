"""Disks' health through a program that answers as smartctl does, and never one that rests or turns without work."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from keepwell.collectors.disk_health import ARGUMENTS, RESTS_CODE
from keepwell.core.observation import Missing
from keepwell.formats.smart import find_message
from keepwell.plugins.collector import Collector, Looker, Moment
from keepwell.plugins.registry import load
from keepwell.testing.made_sight import MadeSight
from keepwell.testing.waiting import eventually
from tests.engines.real import skip
from tests.formats.smart_answers import ATA, NVME

PROGRAM = r"""#!/bin/sh
for last; do :; done
printf '%s\n' "$*" >> {folder}/asked
exec {python} {folder}/answer.py "$(basename "$last")"
"""
ANSWER = """
import signal, sys
from pathlib import Path
folder = Path(__file__).parent
name = sys.argv[1]
code, _, rest = (folder / name).read_text().partition("\\n")
if code == "hang":
    signal.pause()
sys.stdout.write(rest)
raise SystemExit(int(code))
"""


class Shelf:
    """Made disks, and the smartctl that answers for them."""

    def __init__(self, folder: Path, looker: Looker) -> None:
        self.sight, self._folder, self._looker = MadeSight(), folder, looker
        self._reads = 0

    def add(self, name: str, answer: dict[str, Any] | str, *, turns: bool, code: int | str = 0) -> None:
        if not isinstance(answer, str):
            answer = json.dumps(answer)
        (self._folder / name).write_text(f"{code}\n{answer}")
        self.sight.files[f"/sys/block/{name}/queue/rotational"] = f"{int(turns)}\n"
        self.work(name)

    def work(self, name: str) -> None:
        """The disk reads something of its own accord."""
        self._reads += 1
        self.sight.files[f"/sys/block/{name}/stat"] = f"    {self._reads} 0 8 1 7 0 0 0 0 0 0 0 0 0 0\n"

    def look(self, clock: float) -> dict[str, float | Missing]:
        readings = self._looker.look(self.sight, Moment(1e9 + clock, clock))
        return {f"{key.labels[0][1]} {key.metric.removeprefix('host.disk_')}": value for key, value in readings}

    def wait(self, clock: float, name: str) -> dict[str, float | Missing]:
        """Look, at the same instant, until a number or another reason is there."""
        before = str(self.look(clock)[name])

        def changed() -> bool:
            return str(self.look(clock)[name]) != before

        eventually(changed)
        return self.look(clock)

    def asked(self) -> list[str]:
        try:
            return (self._folder / "asked").read_text().splitlines()
        except FileNotFoundError:
            return []


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    import sys

    (tmp_path / "answer.py").write_text(ANSWER)
    program = tmp_path / "smartctl"
    program.write_text(PROGRAM.format(folder=tmp_path, python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    looker = cast(Collector, load("collectors", "disk_health")).open("box")
    yield Shelf(tmp_path, looker)
    looker.close()


def test_a_disk_without_moving_parts_is_asked_every_ten_minutes(shelf: Shelf) -> None:
    shelf.add("nvme0n1", NVME, turns=False)
    found = shelf.wait(0, "nvme0n1 healthy")
    assert found["nvme0n1 healthy"] == 1
    assert found["nvme0n1 worn_ratio"] == pytest.approx(0.04)
    assert found["nvme0n1 spare_ratio"] == 1
    assert found["nvme0n1 temperature_celsius"] == 38
    assert found["nvme0n1 on_seconds_total"] == 4211 * 3600
    assert isinstance(found["nvme0n1 reallocated_sectors"], Missing)
    for clock in range(10, 600, 10):
        assert shelf.look(clock)["nvme0n1 healthy"] == 1
    assert len(shelf.asked()) == 1
    assert "-n" not in shelf.asked()[0].split()
    shelf.look(601)
    eventually(lambda: len(shelf.asked()) == 2)


def test_a_disk_that_turns_is_asked_only_right_after_it_worked(shelf: Shelf) -> None:
    shelf.add("sda", ATA, turns=True)
    for clock in range(0, 7200, 10):
        found = shelf.look(clock)
    assert shelf.asked() == []
    assert isinstance(found["sda healthy"], Missing)
    shelf.work("sda")
    found = shelf.wait(7200, "sda healthy")
    assert found["sda healthy"] == 1
    assert found["sda reallocated_sectors"] == 8
    assert found["sda pending_sectors"] == 2
    assert found["sda media_errors_total"] == 1
    assert found["sda cable_errors_total"] == 3
    assert shelf.asked()[0].split()[:2] == ["-n", "idle,3"]
    for clock in range(7210, 20000, 10):
        shelf.look(clock)
    assert len(shelf.asked()) == 1


def test_a_disk_that_rests_keeps_what_it_told_but_its_temperature(shelf: Shelf) -> None:
    shelf.add("sda", ATA, turns=True)
    shelf.look(0)
    shelf.work("sda")
    assert shelf.wait(10, "sda healthy")["sda temperature_celsius"] == 41
    shelf.add("sda", {"smartctl": {"exit_status": 3}}, turns=True, code=3)
    found = shelf.wait(700, "sda temperature_celsius")
    assert str(found["sda temperature_celsius"]).startswith("unknown: the disk rests")
    assert found["sda healthy"] == 1


def test_a_disk_that_the_kernel_suspended_is_not_touched(shelf: Shelf) -> None:
    shelf.add("sdb", ATA, turns=True)
    shelf.add("nvme1n1", NVME, turns=False)
    shelf.sight.files["/sys/block/sdb/device/power/runtime_status"] = "suspended\n"
    shelf.sight.files["/sys/block/nvme1n1/device/device/power/runtime_status"] = "suspended\n"
    for clock in range(0, 2000, 10):
        shelf.work("sdb")
        found = shelf.look(clock)
    assert shelf.asked() == []
    assert str(found["sdb healthy"]).startswith("unknown: the disk rests")


def test_a_disk_that_cannot_be_opened_says_why(shelf: Shelf) -> None:
    message = {"smartctl": {"messages": [{"string": "Smartctl open device: /dev/sdc failed: Permission denied"}]}}
    shelf.add("sdc", message, turns=False, code=2)
    found = shelf.wait(0, "sdc healthy")
    assert str(found["sdc healthy"]) == ("failed: smartctl: Smartctl open device: /dev/sdc failed: Permission denied")


def test_a_disk_that_expects_to_fail(shelf: Shelf) -> None:
    shelf.add("sda", ATA | {"smart_status": {"passed": False}}, turns=False, code=8)
    assert shelf.wait(0, "sda healthy")["sda healthy"] == 0


def test_a_program_that_hangs_holds_up_no_look_and_is_ended(shelf: Shelf) -> None:
    shelf.add("sda", "", turns=False, code="hang")
    shelf.add("sdb", ATA, turns=False)
    shelf.look(0)
    assert isinstance(shelf.look(1)["sdb healthy"], Missing)
    found = shelf.wait(20, "sda healthy")
    assert str(found["sda healthy"]) == "failed: not done within 15 s, ended"
    assert shelf.wait(30, "sdb healthy")["sdb healthy"] == 1


def test_without_smartctl_each_series_says_so(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "smartctl").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    shelf.add("sda", ATA, turns=False)
    assert str(shelf.look(0)["sda healthy"]) == "absent: smartctl is not installed"


def test_partitions_and_virtual_disks_are_no_disks(shelf: Shelf) -> None:
    for name in ("loop0", "md0", "dm-0", "vda", "zram0", "sr0"):
        shelf.add(name, ATA, turns=False)
    assert shelf.look(0) == {}


@pytest.mark.long
def test_the_real_smartctl_takes_the_arguments_and_answers_in_the_shape(tmp_path: Path) -> None:
    """No disk is asked: what it refuses is not the arguments but the file that is none."""
    program = shutil.which("smartctl") or shutil.which("smartctl", path="/usr/sbin:/sbin")
    if program is None:
        skip("smartctl is not installed")
    argv = [str(program), "-n", f"idle,{RESTS_CODE}", *ARGUMENTS, "/dev/null"]
    ran = subprocess.run(argv, capture_output=True, timeout=20, check=False, cwd=tmp_path)
    assert find_message(ran.stdout) == "/dev/null: Unable to detect device type"
