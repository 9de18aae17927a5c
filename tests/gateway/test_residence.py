"""A model that was just loaded stays for a while before another takes its place; nobody waits where there is room."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from keepwell.gateway.choice.ask import Route, Start, Wait
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.plugins.registry import load_all
from keepwell.plugins.routing import Ask, Policy, Replica

POLICIES = cast("dict[str, Policy]", load_all("routing"))


def make(*, holds: int, stay_seconds: float) -> Scheduler:
    """One replica of two models."""
    replica = Replica(
        id="box/0",
        node="box",
        host="127.0.0.1",
        port=1,
        dialects=frozenset({"openai"}),
        holds=holds,
        stay_seconds=stay_seconds,
    )
    routes = [Route(name=name, replicas={"box/0": name}) for name in ("a", "b")]
    scheduler = Scheduler([replica], routes, POLICIES)
    station = scheduler.stations["box/0"]
    station.proven = True
    station.see(["a"], 100.0)
    return scheduler


def ask(number: int, route: str) -> Ask:
    """A request."""
    return Ask(id=number, route=route, dialect="openai")


def test_a_fresh_model_is_not_swapped_out() -> None:
    scheduler = make(holds=1, stay_seconds=30)
    assert isinstance(scheduler.arrive(ask(1, "b"), 110.0), Wait)
    assert isinstance(scheduler.arrive(ask(2, "a"), 110.0), Start), "the one that is there is served meanwhile"
    assert "stays for now" in scheduler.explain(ask(0, "b"), 110.0)[0].why
    assert scheduler.ended(2, "box/0", "well", 111.0) == []
    assert [one.ask for one in scheduler.wake(130.0)] == [1], "its time is over"


def test_where_there_is_room_or_no_wish_nobody_waits() -> None:
    assert isinstance(make(holds=2, stay_seconds=30).arrive(ask(1, "b"), 110.0), Start)
    assert isinstance(make(holds=0, stay_seconds=30).arrive(ask(1, "b"), 110.0), Start), (
        "nobody knows how many it holds"
    )
    assert isinstance(make(holds=1, stay_seconds=0).arrive(ask(1, "b"), 110.0), Start)


def test_how_long_a_model_is_there_is_counted_from_the_first_look() -> None:
    scheduler = make(holds=1, stay_seconds=30)
    station = scheduler.stations["box/0"]
    station.see(["a"], 120.0)
    assert not station.keeps_out("b", 131.0)
    station.see([], 132.0)
    assert not station.keeps_out("b", 132.0)
    station.see(["b"], 133.0)
    assert station.keeps_out("a", 140.0)


def test_each_model_has_slots_of_its_own_where_its_engine_says_so() -> None:
    scheduler = make(holds=0, stay_seconds=0)
    station = scheduler.stations["box/0"]
    station.replica = replace(station.replica, limit=1, limit_each=True)
    assert isinstance(scheduler.arrive(ask(1, "a"), 101.0), Start)
    assert isinstance(scheduler.arrive(ask(2, "a"), 101.0), Wait), "its one slot is taken"
    assert isinstance(scheduler.arrive(ask(3, "b"), 101.0), Start), "the other model has its own"
    assert [one.ask for one in scheduler.ended(1, "box/0", "well", 102.0)] == [2]
    scheduler.ended(2, "box/0", "gone", 103.0)
    scheduler.ended(3, "box/0", "well", 103.0)
    assert (station.running, station.models) == ({}, {}), "nothing leaks"


def test_what_was_sent_counts_more_than_a_look_that_is_older() -> None:
    station = make(holds=1, stay_seconds=30).stations["box/0"]
    station.take_in("b", 131.0)
    station.see(["a"], 132.0)
    assert station.keeps_out("a", 133.0), "b is being loaded, whatever that look saw"
    station.see(["a"], 140.0)
    assert not station.keeps_out("a", 141.0), "it never came"
