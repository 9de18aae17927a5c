"""Who has which replica to themselves, and when. No clock: each question brings its moment."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.gateway.choice.ask import Route, Start, Wait
from keepwell.gateway.choice.reservations import DAYS, Held, Reservation, find_end, find_held
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.plugins.routing import Ask, Replica
from tests.gateway.made import POLICIES


def reserve(begin: str, end: str, *days: str, key: str = "night", why: str = "") -> Reservation:
    return Reservation(replicas=("gpu01/a",), keys=(key,), begin=begin, end=end, days=days, why=why)


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("one", "moment", "end"),
    [
        (reserve("22:00", "23:00"), "2027-01-31T22:30", "2027-01-31T23:00"),
        (reserve("22:00", "23:00"), "2027-01-31T22:00", "2027-01-31T23:00"),
        (reserve("22:00", "23:00"), "2027-01-31T23:00", ""),
        (reserve("22:00", "23:00"), "2027-01-31T21:59", ""),
        (reserve("22:00", "06:00"), "2027-01-31T23:00", "2027-02-01T06:00"),
        (reserve("22:00", "06:00"), "2027-02-01T05:59", "2027-02-01T06:00"),
        (reserve("22:00", "06:00"), "2027-02-01T06:00", ""),
        # 2027-01-31 is a Sunday: its night goes on into Monday, Monday's own begins in the evening
        (reserve("22:00", "06:00", "sun"), "2027-02-01T05:00", "2027-02-01T06:00"),
        (reserve("22:00", "06:00", "mon"), "2027-02-01T05:00", ""),
        (reserve("22:00", "06:00", "mon"), "2027-02-01T22:00", "2027-02-02T06:00"),
        (reserve("2027-01-31T08:00", "2027-02-02T12:00"), "2027-02-01T00:00", "2027-02-02T12:00"),
        (reserve("2027-01-31T08:00", "2027-02-02T12:00"), "2027-02-02T12:00", ""),
    ],
)
def test_windows(one: Reservation, moment: str, end: str) -> None:
    found = find_end(one, at(moment))
    assert found == (at(end) if end else None)


@given(
    st.datetimes(datetime.datetime(2026, 1, 1), datetime.datetime(2029, 1, 1)),
    st.times(),
    st.times(),
    st.lists(st.sampled_from(DAYS), unique=True),
)
def test_an_end_is_always_ahead_and_at_most_a_day_off(
    moment: datetime.datetime, begin: datetime.time, end: datetime.time, days: list[str]
) -> None:
    found = find_end(reserve(f"{begin:%H:%M}", f"{end:%H:%M}", *days), moment)
    if found is not None:
        assert datetime.timedelta(0) < found - moment <= datetime.timedelta(days=1)
        assert f"{found:%H:%M}" == f"{end:%H:%M}"


def test_others_are_told_until_when_and_why() -> None:
    now = at("2027-01-31T22:30").timestamp()
    held = find_held([reserve("22:00", "23:00", why="the nightly run"), reserve("08:00", "09:00", key="ada")], now)
    assert list(held) == ["gpu01/a"]
    assert held["gpu01/a"].keys == {"night"}
    assert held["gpu01/a"].until == at("2027-01-31T23:00").timestamp()
    assert held["gpu01/a"].why == "reserved for night until 23:00 (the nightly run)"


def test_where_two_overlap_either_has_it() -> None:
    now = at("2027-01-31T22:30").timestamp()
    held = find_held([reserve("22:00", "23:00"), reserve("22:15", "23:30", key="ada")], now)
    assert held["gpu01/a"].keys == {"night", "ada"}
    assert held["gpu01/a"].until == at("2027-01-31T23:30").timestamp()
    assert find_held([reserve("22:00", "23:00")], now + 3600) == {}


def ask(number: int, key: str = "") -> Ask:
    return Ask(id=number, route="m", dialect="d", key=key)


def scheduler(*names: str, fallback: str = "") -> Scheduler:
    replicas = [Replica(id=name, node="n", host="h", port=1, dialects=frozenset({"d"})) for name in ("a", "b", "c")]
    routes = [Route(name="m", replicas=dict.fromkeys(names, "m"), fallback=fallback, policy=("least_work",))]
    routes.append(Route(name="other", replicas={"c": "o"}))
    made = Scheduler(replicas, routes, POLICIES)
    for station in made.stations.values():
        station.proven = True
    return made


HELD = Held(keys=frozenset({"night"}), until=50.0, why="reserved for night until 23:00")


def test_a_reserved_replica_works_for_its_keys_alone_and_others_go_elsewhere() -> None:
    made = scheduler("a", "b")
    made.hold({"a": HELD})
    started = [made.arrive(ask(number, "ada"), 0.0) for number in range(6)]
    assert {one.replica for one in started if isinstance(one, Start)} == {"b"}
    mine = made.arrive(ask(10, "night"), 0.0)
    assert isinstance(mine, Start)
    assert mine.replica == "a"
    why = {one.replica: one.why for one in made.explain(ask(11, "ada"), 0.0)}
    assert why == {"a": "reserved for night until 23:00", "b": ""}


def test_where_all_are_reserved_others_wait_until_it_ends() -> None:
    made = scheduler("a")
    made.hold({"a": HELD})
    effect = made.arrive(ask(1, "ada"), 20.0)
    assert effect == Wait(1, 0, 30.0)
    assert made.wake(30.0) == []
    assert isinstance(made.arrive(ask(2, "night"), 31.0), Start)
    made.hold({})
    assert made.wake(50.0) == [Start(1, "a", "m")]


def test_where_all_are_reserved_and_there_is_a_fallback_it_answers() -> None:
    made = scheduler("a", fallback="other")
    made.hold({"a": HELD})
    assert made.arrive(ask(1, "ada"), 0.0) == Start(1, "c", "o")
    assert made.arrive(ask(2, "night"), 0.0) == Start(2, "a", "m")


def test_those_who_may_are_not_held_up_by_those_who_may_not() -> None:
    """Of two that wait for the same route one may start, though the one before it may not."""
    replicas = [Replica(id="a", node="n", host="h", port=1, dialects=frozenset({"d"}), limit=1)]
    made = Scheduler(replicas, [Route(name="m", replicas={"a": "m"})], POLICIES)
    made.stations["a"].proven = True
    assert isinstance(made.arrive(ask(1, "night"), 0.0), Start)
    assert isinstance(made.arrive(ask(2, "ada"), 0.0), Wait)
    assert isinstance(made.arrive(ask(3, "night"), 0.0), Wait)
    made.hold({"a": HELD})
    assert made.ended(1, "a", "well", 1.0) == [Start(3, "a", "m")]
