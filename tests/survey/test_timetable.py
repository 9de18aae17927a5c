"""In which order probes look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pytest

from keepwell.core.observation import Observation
from keepwell.metrics import declared
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.survey.timetable import DISCOVERED, givers, is_early, load_probes, order_probes


@dataclass
class Made:
    gives: tuple[str, ...]
    needs: tuple[str, ...] = ()
    about: Literal["node", "engine"] = "node"
    level: int = 1
    effect: ProbeEffect = "none"
    cost_seconds: float = 0.1

    async def observe(self, place: Place) -> Iterable[Observation]:
        return ()


def test_each_comes_after_what_it_needs() -> None:
    probes = {"c": Made(("c",), ("b", "x")), "b": Made(("b",), ("a",)), "a": Made(("a",))}
    assert order_probes(probes) == ("a", "b", "c")
    assert givers("c", probes) == ("b",)


def test_probes_that_wait_for_each_other_are_named() -> None:
    with pytest.raises(ValueError, match="a, b"):
        order_probes({"a": Made(("a",), ("b",)), "b": Made(("b",), ("a",)), "c": Made(("c",))})


def test_what_needs_an_engine_is_not_early_nor_what_waits_for_that() -> None:
    probes = {"a": Made(("a",)), "site": Made(("s",), ("engine.site",)), "after": Made(("t",), ("s",))}
    assert [name for name in probes if is_early(name, probes)] == ["a"]


@pytest.mark.parametrize("level", [1, 2])
def test_the_real_probes_fit_together(level: int) -> None:
    probes = load_probes(level)
    order_probes(probes)
    given = {name for one in probes.values() for name in one.gives} | DISCOVERED
    assert all(one.effect == "none" for one in probes.values())
    assert given <= declared().keys()
    for name, one in probes.items():
        assert set(one.needs) <= declared().keys(), name


def test_one_observation_has_one_giver() -> None:
    probes = load_probes(2)
    names = [name for one in probes.values() for name in one.gives]
    assert len(names) == len(set(names))
