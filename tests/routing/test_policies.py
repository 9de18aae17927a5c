"""Policies: what they promise, for any fleet and any load."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.choice.station import Station
from keepwell.plugins.routing import Ask, Candidate, Replica
from keepwell.routing.affinity import BOUND, keep_together
from keepwell.routing.least_work import prefer_least_work
from keepwell.routing.resident import prefer_resident
from keepwell.routing.session import keep_session
from keepwell.routing.weighted import choose_weighted

SESSIONS = [b"session %d" % number for number in range(400)]


def station(name: str, *, running: int = 0, limit: int = 0, weight: float = 1.0, resident: str = "") -> Station:
    replica = Replica(id=name, node="n", host="h", port=1, dialects=frozenset({"d"}), limit=limit, weight=weight)
    return Station(replica, running=dict.fromkeys(range(running), 0.0), resident=frozenset({resident} - {""}))


def fleet(size: int, **more: float) -> list[Station]:
    return [station(f"n/{number}", **more) for number in range(size)]


def ask(number: int = 0, *, affinity: bytes = b"", session: bytes = b"") -> Ask:
    return Ask(id=number, route="m", dialect="d", affinity=affinity, session=session)


def models(found: list[Station]) -> dict[str, str]:
    return {one.replica.id: "m" for one in found}


def owners(found: list[Station]) -> dict[bytes, str]:
    """Who has each session."""
    placed: dict[bytes, str] = {}
    for one in SESSIONS:
        (owner,) = keep_session(found, ask(session=one), models(found))
        placed[one] = owner.replica.id
    return placed


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.data())
def test_when_a_replica_leaves_only_what_it_had_moves(size: int, data: st.DataObject) -> None:
    found = fleet(size)
    gone = data.draw(st.sampled_from(found))
    before, after = owners(found), owners([one for one in found if one is not gone])
    assert all(after[one] == owner for one, owner in before.items() if owner != gone.replica.id)
    back = owners(found)
    assert back == before


def test_sessions_are_spread_by_weight() -> None:
    found = [station("n/light", weight=1.0), station("n/heavy", weight=3.0)]
    count = Counter(owners(found).values())
    assert 0.65 < count["n/heavy"] / len(SESSIONS) < 0.85
    even = Counter(owners(fleet(4)).values())
    assert all(60 < one < 140 for one in even.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), min_size=1, max_size=8), st.binary(min_size=1))
def test_affinity_never_loads_a_replica_beyond_its_bound(rows: list[tuple[int, int]], belongs: bytes) -> None:
    """Slots count: who does twice as much at once may have twice as much."""
    found = [station(f"n/{place}", running=running, limit=slots) for place, (running, slots) in enumerate(rows)]
    (chosen,) = keep_together(found, ask(affinity=belongs), models(found))
    work = sum(running for running, _ in rows) + 1
    share = work * chosen.replica.limit / sum(slots for _, slots in rows)
    assert chosen.outstanding + 1 <= math.ceil(BOUND * share)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3))
def test_one_hot_beginning_fills_the_fleet_evenly(size: int, rounds: int) -> None:
    """All requests begin alike: no replica gets more than its bound, whatever the others do."""
    found = fleet(size)
    for number in range(size * rounds * 4):
        (chosen,) = keep_together(found, ask(affinity=b"hot"), models(found))
        assert isinstance(chosen, Station)
        chosen.running[number] = 0.0
        assert chosen.outstanding <= math.ceil(BOUND * (number + 1) / size)


def test_affinity_goes_to_the_same_one_while_there_is_little_to_do() -> None:
    found = fleet(5)
    firsts = {keep_together(found, ask(number, affinity=b"a"), models(found))[0].replica.id for number in range(20)}
    assert len(firsts) == 1


def test_what_names_no_session_and_no_beginning_is_left_to_the_next_rule() -> None:
    found = fleet(3)
    assert list(keep_session(found, ask(), models(found))) == found
    assert list(keep_together(found, ask(), models(found))) == found


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.1, 9.0), min_size=1, max_size=5))
def test_weighted_gives_each_its_share(weights: list[float]) -> None:
    found = [station(f"n/{place}", weight=weight) for place, weight in enumerate(weights)]
    count = Counter(choose_weighted(found, ask(number), models(found))[0].replica.id for number in range(600))
    for one in found:
        wished = one.replica.weight / sum(weights)
        assert abs(count[one.replica.id] / 600 - wished) < 0.1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=6), st.integers(0, 50))
def test_least_work_is_least(rows: list[tuple[int, int]], number: int) -> None:
    found = [station(f"n/{place}", running=running, limit=limit) for place, (running, limit) in enumerate(rows)]
    (chosen,) = prefer_least_work(found, ask(number), models(found))
    assert _load(chosen) == min(_load(one) for one in found)


def test_who_has_the_model_in_memory_goes_first_then_who_had_it_last() -> None:
    one, two, three = station("n/1"), station("n/2", resident="m"), station("n/3")
    assert list(prefer_resident([one, two, three], ask(), models([one, two, three]))) == [two]
    one.last_model = "m"
    assert list(prefer_resident([one, three], ask(), models([one, three]))) == [one]
    assert list(prefer_resident([three], ask(), models([three]))) == [three]


def _load(one: Candidate) -> float:
    return one.outstanding / (one.replica.limit or 1)
