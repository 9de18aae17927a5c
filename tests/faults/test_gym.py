"""The gym's faults on real engines: each goes the whole way. A few here, all of them in the long tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import pytest

from keepwell.diagnose.catalogue import load_catalogue
from keepwell.plugins.registry import names
from keepwell.testing.gym.fault import Fault
from keepwell.testing.gym.faults import (
    real_addresses,
    real_clients,
    real_context,
    real_limits,
    real_processes,
    real_settings,
    real_store,
)
from keepwell.testing.gym.real import RealWorld
from keepwell.testing.gym.runner import Gym, play_single
from tests.faults.world import skip

FAMILIES = (real_addresses, real_clients, real_context, real_limits, real_processes, real_settings, real_store)
FAULTS: tuple[Fault[RealWorld], ...] = tuple(one for family in FAMILIES for one in family.FAULTS)
#: One of each way, and quick ones.
FEW = frozenset({"engine-ended", "prompt-refused"})
#: Seconds for one: some look three times at level 4.
SECONDS = 600


async def refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a real world looks by itself")


async def count_none(_: object) -> tuple[str, ...]:
    return ()


def marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.real, pytest.mark.timeout(SECONDS)] + [pytest.mark.long] * (name not in FEW)


@pytest.mark.parametrize("fault", [pytest.param(one, marks=marks(one.name), id=one.name) for one in FAULTS])
async def test_a_fault_goes_the_whole_way(fault: Fault[RealWorld], cache: Path) -> None:
    gym = Gym(look=refuse, count=count_none, keepwell=(sys.executable, "-m", "keepwell"), cache=cache)
    trial = await play_single(gym, fault)
    if trial.skipped:
        skip(trial.skipped)
    assert trial.top1, trial.causes
    assert trial.whole == "", trial
    assert trial.undone == fault.undo


def test_there_are_enough_kinds_and_each_has_its_own_name() -> None:
    found = {one.name for one in FAULTS}
    assert len(found) == len(FAULTS) >= 35
    assert found >= FEW


@pytest.mark.parametrize("fault", FAULTS, ids=[one.name for one in FAULTS])
def test_a_fault_names_what_there_is(fault: Fault[RealWorld]) -> None:
    """Causes of the catalogue; a step where it is mended by one; an undo only where something can be undone."""
    issues = load_catalogue().issues
    assert set(fault.causes) <= set(issues)
    if fault.way == "step":
        assert {issues[one].repair for one in fault.causes} <= set(names("steps"))
    assert fault.undo == (fault.way == "step")
    assert (fault.by_hand is not None) == (fault.way == "hand")
