"""The GPU of an Apple chip by programs that answer as macOS' do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.plugins.collector import Looker
from keepwell.testing.fake_gpu.others import AppleChip, render_ioreg
from keepwell.testing.made_sight import MadeSight
from keepwell.testing.waiting import eventually
from tests.collectors.looks import begin, given, look

MAC = {"/System/Library/CoreServices/SystemVersion.plist": "<plist/>"}
CHIP = AppleChip()


@pytest.fixture
def looker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looker]:
    (tmp_path / "ioreg.txt").write_text(render_ioreg(CHIP))
    for name, program in (
        ("ioreg", f"exec cat {tmp_path}/ioreg.txt"),
        ("sysctl", f"echo {CHIP.memory_bytes}; echo {CHIP.wired_limit_megabytes}"),
    ):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/asked\n{program}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    made = begin("apple")
    yield made
    made.close()


def test_memory_and_load(looker: Looker, tmp_path: Path) -> None:
    sight = MadeSight(MAC)
    eventually(lambda: look(looker, sight, 0)["0 device.memory_used_bytes"] == CHIP.in_use_bytes)
    assert look(looker, sight, 1) == {
        "0 device.memory_total_bytes": CHIP.memory_bytes * 3 // 4,
        "0 device.memory_used_bytes": CHIP.in_use_bytes,
        "0 device.utilisation_ratio": pytest.approx(0.34),
    }
    for clock in (1, 2, 3, 4):
        look(looker, sight, clock)
    assert (tmp_path / "asked").read_text().split() == ["sysctl", "ioreg"]
    eventually(lambda: look(looker, sight, 6) and (tmp_path / "asked").read_text().count("ioreg") == 2)


def test_an_answer_without_statistics_is_failed(looker: Looker, tmp_path: Path) -> None:
    (tmp_path / "ioreg.txt").write_text("+-o AGXAccelerator\n")
    eventually(
        lambda: (
            str(look(looker, MadeSight(MAC), 0)["0 device.utilisation_ratio"])
            == "failed: ioreg shows no GPU statistics"
        )
    )


def test_another_system_is_asked_nothing(looker: Looker, tmp_path: Path) -> None:
    assert look(looker, MadeSight()) == {}
    assert not (tmp_path / "asked").exists()


def test_all_that_it_gives_is_given(looker: Looker) -> None:
    assert {name.split()[1] for name in look(looker, MadeSight(MAC))} == given("apple")
