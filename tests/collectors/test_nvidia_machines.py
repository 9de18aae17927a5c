"""NVIDIA's cards watched on every machine of the table, sick and well: numbers or reasons, never a crash."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins.collector import Looker, Moment
from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_gpu.node import list_files
from keepwell.testing.fake_gpu.played import PlayedDriver
from keepwell.testing.fake_gpu.scenarios import SCENARIOS
from keepwell.testing.made_sight import MadeSight
from tests.collectors.looks import begin, given
from tests.fake_gpu.played import CACHE, needs_compiler

pytestmark = [
    needs_compiler,
    pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA driver"),
]
#: Machines whose driver ends the process that asks it would end this one; those that let one wait are tested elsewhere.
NAMES = [
    name
    for name, one in SCENARIOS.items()
    if one.machine.cards
    and not one.machine.crashes
    and one.machine.nvml_milliseconds + one.machine.handle_milliseconds < 200
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> PlayedDriver:
    return PlayedDriver(tmp_path_factory.mktemp("driver"), CACHE)


@pytest.fixture
def looker() -> Iterator[Looker]:
    made = begin("nvidia")
    yield made
    made.close()


def sight_of(machine: FakeMachine) -> MadeSight:
    sight = MadeSight()
    for path, file in list_files(machine).items():
        if file.kind == "link":
            sight.links[path] = file.target
        elif file.pieces:
            sight.files[path] = b"".join(piece for _, piece in file.pieces).decode()
    for card in machine.cards:
        sight.files[f"/sys/bus/pci/devices/{card.pci}/power/control"] = "on\n"
    return sight


@pytest.mark.parametrize("name", NAMES)
def test_each_machine_is_told_in_numbers_or_reasons(name: str, driver: PlayedDriver, looker: Looker) -> None:
    machine = SCENARIOS[name].machine
    driver.play(machine)
    driver.forget()
    sight = sight_of(machine)
    sight.watched = {4711: "engine:box/one"}
    for clock in (0, 1, 5, 31):
        readings = list(looker.look(sight, Moment(1e9 + clock, float(clock))))
        keys = [key for key, _ in readings]
        assert len(set(keys)) == len(keys)
        assert {key.metric for key in keys} <= given("nvidia")
        assert {key.subject for key in keys} >= {f"device:box/{number}" for number in range(len(machine.cards))}
        for key, value in readings:
            assert isinstance(value, Missing) or math.isfinite(value), key
            if key.metric.endswith("_ratio") and not isinstance(value, Missing):
                assert 0 <= value <= 1, key
