"""What is known of what a run used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from keepwell.batch.energy import GAP_SECONDS, Energy, parse_energy, render_energy
from keepwell.core.observation import Missing, unknown


def test_power_is_taken_to_go_evenly_between_two_readings() -> None:
    energy = Energy()
    assert isinstance(energy.joules, Missing)
    energy.add(100.0, 50.0)
    assert energy.joules == 0
    energy.add(110.0, 150.0)
    energy.add(120.0, 150.0)
    assert (energy.joules, energy.watts) == (1000 + 1500, 150.0)


@pytest.mark.parametrize("spoil", [lambda one: one.add(20.0, unknown("asleep")), lambda one: one.add(200.0, 5.0)])
def test_what_is_unknown_for_a_part_is_unknown(spoil: object) -> None:
    energy = Energy()
    energy.add(10.0, 50.0)
    assert callable(spoil)
    spoil(energy)
    energy.add(30.0, 50.0)
    found = energy.joules
    assert isinstance(found, Missing)
    assert found.reason in ("asleep", "its power was not known for 190 s")


def test_elsewhere_it_is_unknown_from_the_beginning() -> None:
    energy = Energy("the engine is not on this machine")
    energy.add(1.0, 5.0)
    assert energy.joules == unknown("the engine is not on this machine")


@given(some.lists(some.tuples(some.floats(0, GAP_SECONDS - 1), some.floats(0, 1000)), min_size=1))
def test_energy_lies_between_the_least_and_the_most_power(steps: list[tuple[float, float]]) -> None:
    energy, now = Energy(), 0.0
    for seconds, watts in steps:
        now += seconds
        energy.add(now, watts)
    watts = [one for _, one in steps]
    span = now - steps[0][0]
    found = energy.joules
    assert isinstance(found, float)
    assert min(watts) * span - 1e-3 <= found <= max(watts) * span + 1e-3


@pytest.mark.parametrize(
    ("written", "joules", "shown"), [("500 Wh", 1.8e6, "500 Wh"), ("2kWh", 7.2e6, "2 kWh"), ("90J", 90.0, "90 J")]
)
def test_energy_is_written_as_people_do(written: str, joules: float, shown: str) -> None:
    assert parse_energy(written) == joules
    assert render_energy(joules) == shown


@pytest.mark.parametrize("written", ["2", "kWh", "-1 Wh", "0Wh", "2 KWH", "nan Wh"])
def test_what_is_no_energy_is_told(written: str) -> None:
    with pytest.raises(ValueError, match="energy like 500Wh"):
        parse_energy(written)
