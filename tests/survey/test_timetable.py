"""In which order probes look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pytest

from keepwell.core.observation import Observation
from keepwell.metrics import declared
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Asked, Probe, ProbeEffect, what_it_asks
from keepwell.survey.timetable import DISCOVERED, ask_first, givers, is_agreed, is_early, load_probes, order_probes


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


@dataclass
class Telling(Made):
    effect: ProbeEffect = "loads-model"
    does: str = "asks each model for one token"


def test_what_only_reads_needs_no_yes_and_the_rest_needs_one() -> None:
    reads, loads = Made(("a",)), Telling(("b",))
    assert [is_agreed("a", reads, said) for said in (False, True, (), ("b",))] == [True, True, True, True]
    assert [is_agreed("b", loads, said) for said in (False, True, (), ("b",), ("a",))] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_the_question_says_what_will_be_done_and_how_long_it_takes() -> None:
    told = what_it_asks("b", Telling(("b",), about="engine", cost_seconds=4.0))
    assert told == Asked(probe="b", does="asks each model for one token", seconds=4.0, about="engine", loads_model=True)
    silent: Probe = Made(("c",), effect="wakes-device")
    assert what_it_asks("c", silent).does == "wakes a device"


@pytest.mark.parametrize("level", [1, 2])
def test_nothing_is_asked_at_the_levels_that_only_read(level: int) -> None:
    assert ask_first(level) == ()


def test_the_deep_probes_fit_together_and_say_what_they_do() -> None:
    probes = load_probes(4)
    given = {name for one in probes.values() for name in one.gives} | DISCOVERED
    assert given <= declared().keys()
    assert set(order_probes(probes)) == set(probes)
    assert all(len(one.does) > 20 and one.seconds > 0 for one in ask_first(4))
