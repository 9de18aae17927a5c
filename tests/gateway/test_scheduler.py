"""Who works on what: no count leaks, limits hold, nobody starves, reasons are told. No I/O, a clock of numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.choice.ask import Outcome, Refuse, Route, Start, Wait
from keepwell.gateway.choice.breaker import COSTLY_PAUSE_SECONDS, FAILURES, PAUSE_SECONDS
from keepwell.gateway.choice.cordons import Cordon
from keepwell.gateway.choice.scheduler import CORDONED_SECONDS, GROUPED_SECONDS, HELD, Scheduler
from keepwell.gateway.choice.station import (
    CALM_SECONDS,
    HELD_SECONDS,
    QUIET,
    UNPROVEN,
    UNPROVEN_BESIDE_OTHERS,
    UNPROVEN_SECONDS,
)
from keepwell.plugins.routing import Ask, Replica
from tests.gateway.made import POLICIES

OUTCOMES: tuple[Outcome, ...] = ("well", "gone", "refused", "sick", "silent", "cut", "stalled", "busy")


def replica(name: str, limit: int = 0) -> Replica:
    return Replica(id=name, node="n", host="h", port=1, dialects=frozenset({"d"}), limit=limit)


def ask(number: int, route: str = "m", key: str = "", priority: int = 1, affinity: bytes = b"") -> Ask:
    return Ask(id=number, route=route, dialect="d", key=key, priority=priority, affinity=affinity)


def scheduler(*replicas: Replica, waiting: int = 256, policy: tuple[str, ...] = ("least_work",)) -> Scheduler:
    route = Route(name="m", replicas={one.id: "m" for one in replicas}, waiting=waiting, policy=policy)
    made = Scheduler(replicas, [route], POLICIES)
    for station in made.stations.values():
        station.proven = True
    return made


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.sampled_from(OUTCOMES)), max_size=120),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
def test_nothing_leaks_whatever_happens(events: list[tuple[int, int, Outcome]], limits: list[int]) -> None:
    made = scheduler(*(replica(f"r{number}", limit) for number, limit in enumerate(limits)), waiting=5)
    at: dict[int, str] = {}
    number, now = 0, 0.0
    for what, which, outcome in events:
        now += which / 7
        if what <= 1:
            number += 1
            effect = made.arrive(ask(number, key=str(which % 3), priority=which % 3), now)
            started = [effect] if isinstance(effect, Start) else []
        elif what == 2 and at:
            one = sorted(at)[which % len(at)]
            started = made.ended(one, at.pop(one), outcome, now)
        elif what == 3 and made.waiting:
            made.leave(sorted(made.waiting)[which % len(made.waiting)])
            started = []
        else:
            made.expire(now)
            started = made.wake(now)
        for start in started:
            assert start.ask not in at
            at[start.ask] = start.replica
        while made.giving_way:
            one = made.giving_way.pop()
            began = [*made.ended(one, at.pop(one), "gone", now)]
            effect = made.arrive(ask(one, priority=2), now)
            began += [effect] if isinstance(effect, Start) else []
            at |= {start.ask: start.replica for start in began}
        running = {one: name for name, station in made.stations.items() for one in station.running}
        assert running == at
        assert not set(at) & set(made.waiting)
        for station in made.stations.values():
            assert not station.replica.limit or len(station.running) <= station.replica.limit
    for one in list(made.waiting):
        made.leave(one)
    for one, name in at.items():
        assert made.ended(one, name, "gone", now) == []
    assert all(not station.running for station in made.stations.values())


def test_a_replica_that_falls_sick_gets_three_of_eight_at_once() -> None:
    """As clients come that ask at the same instant, of two that were well until now."""
    made = scheduler(replica("a"), replica("b"))
    begun = [made.arrive(ask(one), 1.0) for one in range(8)]
    started = [one for one in begun if isinstance(one, Start)]
    assert len(started) == 2 * QUIET
    assert made.holds
    sick = [one.ask for one in started if one.replica == "b"]
    again: list[Start] = []
    for one in sick:
        again += made.ended(one, "b", "sick", 1.001)
        effect = made.arrive(ask(one), 1.001, frozenset({"b"}))
        assert isinstance(effect, Start)
        assert effect.replica == "a"
    again += made.wake(1.0 + HELD_SECONDS)
    assert [one.replica for one in again] == ["a", "a"]
    assert not made.waiting


def test_who_is_held_for_a_moment_starts_after_it_or_with_the_first_sign() -> None:
    for sign in (False, True):
        made = scheduler(replica("a"), replica("b"))
        begun = [made.arrive(ask(one), 1.0) for one in range(7)]
        assert isinstance(begun[-1], Wait)
        if sign:
            (other,) = made.ended(0, "a", "well", 1.001)
            assert other == Start(6, "a", "m")
        else:
            assert made.wake(1.0 + HELD_SECONDS / 2) == []
            assert [one.ask for one in made.wake(1.0 + HELD_SECONDS)] == [6]


def test_few_are_held_and_nobody_where_there_is_no_choice() -> None:
    made = scheduler(replica("a"), replica("b"))
    effects = [made.arrive(ask(one), 1.0) for one in range(200)]
    assert sum(isinstance(one, Wait) for one in effects) == HELD
    alone = scheduler(replica("a"))
    assert all(isinstance(alone.arrive(ask(one), 1.0), Start) for one in range(20))
    assert not alone.holds


def test_a_limit_holds_and_the_next_one_starts_when_one_ends() -> None:
    made = scheduler(replica("a", 2))
    assert [type(made.arrive(ask(one), 0.0)) for one in (1, 2, 3)] == [Start, Start, Wait]
    assert made.ended(1, "a", "well", 1.0) == [Start(3, "a", "m")]
    assert made.ended(1, "a", "well", 1.0) == []


def test_a_replica_that_has_proved_nothing_gets_few_at_once() -> None:
    made = scheduler(replica("a"), replica("b"))
    made.stations["a"].proven = False
    at = [made.arrive(ask(one), 0.0) for one in range(20)]
    assert sum(isinstance(one, Start) and one.replica == "a" for one in at) == UNPROVEN_BESIDE_OTHERS
    assert sum(isinstance(one, Start) for one in at) == 20


def test_where_none_has_proved_anything_nobody_waits_for_long() -> None:
    made = scheduler(replica("a"))
    made.stations["a"].proven = False
    at = [made.arrive(ask(one), 0.0) for one in range(5)]
    assert sum(isinstance(one, Start) for one in at) == UNPROVEN
    assert len(made.wake(UNPROVEN_SECONDS)) == 3


def test_interactive_goes_before_batch_and_keys_share() -> None:
    made = scheduler(replica("a", 1))
    made.arrive(ask(0), 0.0)
    for one in range(1, 5):
        made.arrive(ask(one, key="greedy"), 0.1)
    made.arrive(ask(5, key="modest"), 0.2)
    made.arrive(ask(6, key="batch", priority=2), 0.0)
    made.arrive(ask(7, key="person", priority=0), 0.3)
    order = []
    last = 0
    for _ in range(6):
        (start,) = made.ended(last, "a", "well", 1.0)
        last = start.ask
        order.append(last)
    assert order[0] == 7
    assert made.ended(last, "a", "well", 1.0) == []
    assert [one.ask for one in made.wake(1.0 + CALM_SECONDS)] == [6]
    assert order.index(5) <= 2


def test_models_are_not_swapped_for_each_request_and_nobody_starves() -> None:
    routes = [Route(name=name, replicas={"a": name}) for name in ("x", "y")]
    made = Scheduler([replica("a", 1)], routes, POLICIES)
    made.stations["a"].proven = True
    made.arrive(ask(0, "x"), 0.0)
    for one in range(1, 7):
        made.arrive(ask(one, "yx"[one % 2]), 0.0)
    order, last = [], 0
    for _ in range(3):
        (start,) = made.ended(last, "a", "well", 0.1)
        last = start.ask
        order.append(start.model)
    assert order == ["x", "x", "x"]
    made.arrive(ask(9, "x"), 0.2)
    (start,) = made.ended(last, "a", "well", GROUPED_SECONDS + 1)
    assert start.model == "y"


def test_a_breaker_opens_and_one_trial_closes_it() -> None:
    made = scheduler(replica("a"))
    for one in range(FAILURES):
        assert isinstance(made.arrive(ask(one), float(one)), Start)
        made.ended(one, "a", "sick", float(one), "HTTP 500")
    refused = made.arrive(ask(10), FAILURES - 1 + 0.1)
    assert isinstance(refused, Refuse)
    assert "HTTP 500" in refused.message
    assert isinstance(made.arrive(ask(11), 100.0), Start)
    assert isinstance(made.arrive(ask(12), 100.0), Refuse), "one trial at a time"
    made.ended(11, "a", "well", 100.1)
    assert isinstance(made.arrive(ask(13), 100.2), Start)


def test_a_look_that_is_well_allows_a_trial_at_once() -> None:
    made = scheduler(replica("a"))
    for one in range(FAILURES):
        made.arrive(ask(one), 0.0)
        made.ended(one, "a", "refused", 0.0)
    made.stations["a"].breaker.looked(0.1)
    assert isinstance(made.arrive(ask(9), 0.1), Start)


def test_cordoned_and_explained() -> None:
    made = scheduler(replica("a"), replica("b", 1))
    made.cordon([Cordon(subject="a", since=0.0, by="ada", why="new card")])
    made.arrive(ask(1), 0.0)
    rows = {one.replica: one.why for one in made.explain(ask(2), 0.0)}
    assert rows == {"a": "gets no new work: new card (by ada)", "b": "full: works on 1"}
    assert isinstance(made.arrive(ask(3), 0.0), Wait)


def test_what_runs_goes_on_where_no_new_work_is_sent_and_others_take_over() -> None:
    made = scheduler(replica("a"), replica("b"))
    at = {one: made.arrive(ask(one), 0.0) for one in range(4)}
    made.cordon([Cordon(subject="a", since=0.0)])
    later = [made.arrive(ask(one), 0.0) for one in range(4, 8)]
    assert {one.replica for one in later if isinstance(one, Start)} == {"b"}
    assert len(made.stations["a"].running) == 2
    for number, start in at.items():
        assert isinstance(start, Start)
        made.ended(number, start.replica, "well", 1.0)
    assert not made.stations["a"].running


def test_a_node_is_all_its_engines_and_a_new_configuration_changes_nothing_of_it() -> None:
    made = scheduler(replica("a"), replica("b"))
    made.cordon([Cordon(subject="n", since=0.0)])
    made.replace([replica("b"), replica("c")], [Route(name="m", replicas={"b": "m", "c": "m"})])
    assert {name: bool(one.cordoned) for name, one in made.stations.items()} == {"b": True, "c": True}
    made.cordon([])
    assert isinstance(made.arrive(ask(1), 0.0), Start)


def test_where_all_are_drained_a_request_waits_and_is_told_why_in_the_end() -> None:
    made = scheduler(replica("a"))
    made.cordon([Cordon(subject="a", since=0.0, by="ada", why="new card")])
    assert isinstance(made.arrive(ask(1), 0.0), Wait)
    assert isinstance(made.arrive(ask(2), 0.0), Wait)
    made.cordon([])
    assert made.wake(1.0) == [Start(1, "a", "m"), Start(2, "a", "m")]
    made.cordon([Cordon(subject="a", since=0.0, by="ada", why="new card")])
    assert isinstance(made.arrive(ask(3), 2.0), Wait)
    (late,) = made.expire(100.0)
    assert (late.ask, late.status) == (3, 503)
    assert "new card (by ada)" in late.message


def test_where_nobody_may_wait_a_drained_route_refuses_at_once_and_says_when_to_come_again() -> None:
    made = scheduler(replica("a"), waiting=0)
    made.cordon([Cordon(subject="a", since=0.0)])
    refused = made.arrive(ask(1), 0.0)
    assert isinstance(refused, Refuse)
    assert (refused.status, refused.retry_seconds) == (503, CORDONED_SECONDS)


def test_a_request_that_failed_elsewhere_does_not_wait_for_a_drained_one() -> None:
    made = scheduler(replica("a"), replica("b"))
    made.cordon([Cordon(subject="a", since=0.0)])
    assert isinstance(made.arrive(ask(1), 0.0, frozenset({"b"})), Refuse)


def test_a_fallback_is_taken_where_nobody_else_can() -> None:
    routes = [Route(name="m", replicas={"a": "m"}, fallback="n"), Route(name="n", replicas={"b": "n"})]
    made = Scheduler([replica("a"), replica("b")], routes, POLICIES)
    made.cordon([Cordon(subject="a", since=0.0)])
    assert made.arrive(ask(1), 0.0) == Start(1, "b", "n")


def test_a_new_configuration_lets_running_requests_end() -> None:
    made = scheduler(replica("a"), replica("b"))
    first = made.arrive(ask(1), 0.0)
    assert isinstance(first, Start)
    made.replace([replica("c")], [Route(name="m", replicas={"c": "m"})])
    assert set(made.stations) == {first.replica, "c"}
    assert made.arrive(ask(2), 0.0) == Start(2, "c", "m")
    made.ended(1, first.replica, "well", 1.0)


@given(st.binary(min_size=1, max_size=64), st.integers(2, 6))
def test_requests_that_belong_together_meet_the_same_replica(affinity: bytes, count: int) -> None:
    made = scheduler(*(replica(f"r{one}") for one in range(count)), policy=("affinity", "least_work"))
    places = set()
    for number in range(5):
        start = made.arrive(ask(number, affinity=affinity), 0.0)
        assert isinstance(start, Start)
        places.add(start.replica)
        made.ended(number, start.replica, "well", 0.0)
    assert len(places) == 1


def test_a_route_that_went_away_meanwhile_is_refused_and_not_a_crash() -> None:
    made = scheduler(replica("a"))
    made.replace([replica("a")], [])
    refused = made.arrive(ask(1), 0.0, frozenset({"b"}))
    assert isinstance(refused, Refuse)
    assert refused.status == 404


def test_a_replica_that_was_taken_out_and_put_back_works_again() -> None:
    made = scheduler(replica("a"))
    route = [Route(name="m", replicas={"a": "m"})]
    assert isinstance(made.arrive(ask(1), 0.0), Start)
    made.replace([], route)
    made.replace([replica("a")], route)
    assert made.arrive(ask(2), 0.0) == Start(2, "a", "m")


def test_one_that_gives_nothing_gets_few_while_others_answer() -> None:
    made = scheduler(replica("a"), replica("b"))
    at_a: list[int] = []
    for number in range(40):
        start = made.arrive(ask(number), float(number))
        assert isinstance(start, Start)
        if start.replica == "a":
            at_a.append(number)
        if len(at_a) > 2:
            made.ended(at_a.pop(0), "a", "well", number + 0.5)
    assert len(made.stations["b"].running) == QUIET
    assert made.stations["b"].is_quiet()
    made.stations["b"].saw_sign(40.0)
    assert not made.stations["b"].is_quiet()


def test_where_all_are_quiet_nobody_waits() -> None:
    made = scheduler(replica("a"), replica("b"))
    assert all(isinstance(made.arrive(ask(number), 0.0), Start) for number in range(50))
    assert [len(one.running) for one in made.stations.values()] == [25, 25]


def test_the_first_byte_of_a_long_answer_proves_as_much_as_its_end() -> None:
    made = scheduler(replica("a"), replica("b"))
    made.stations["a"].proven = False
    made.ended(0, "a", "sick", 0.5)
    for number in range(1, 5):
        made.arrive(ask(number), 1.0)
    assert len(made.stations["a"].running) == UNPROVEN_BESIDE_OTHERS
    made.stations["a"].saw_sign(1.2)
    assert made.stations["a"].proven
    made.arrive(ask(5), 1.3)
    assert len(made.stations["a"].running) == UNPROVEN_BESIDE_OTHERS + 1


def test_a_refused_connection_is_tried_again_soon_and_a_silence_later() -> None:
    pauses: list[tuple[Outcome, float]] = [("refused", PAUSE_SECONDS), ("silent", COSTLY_PAUSE_SECONDS)]
    for outcome, pause in pauses:
        made = scheduler(replica("a"))
        for one in range(FAILURES):
            made.arrive(ask(one), 0.0)
            made.ended(one, "a", outcome, 0.0)
        assert isinstance(made.arrive(ask(7), pause - 0.01), Refuse)
        assert isinstance(made.arrive(ask(8), pause), Start)


def test_a_batch_waits_until_nobody_else_is_served_or_was_a_moment_ago() -> None:
    made = scheduler(replica("a", 4))
    assert isinstance(made.arrive(ask(1), 1.0), Start)
    assert isinstance(made.arrive(ask(2, priority=2), 1.1), Wait)
    made.ended(1, "a", "well", 5.0)
    assert made.wake(5.0 + CALM_SECONDS - 0.01) == []
    assert [one.ask for one in made.wake(5.0 + CALM_SECONDS)] == [2]


def test_a_batch_leaves_a_slot_free_and_gives_way() -> None:
    made = scheduler(replica("a", 3))
    effects = [made.arrive(ask(one, priority=2), 1.0) for one in range(3)]
    assert [type(one) for one in effects] == [Start, Start, Wait]
    assert isinstance(made.arrive(ask(3), 2.0), Start)
    assert made.giving_way == {0, 1}
    for one in (0, 1):
        assert made.ended(one, "a", "gone", 2.0) == []
        assert isinstance(made.arrive(ask(one, priority=2), 2.0), Wait)


def test_after_others_a_batch_begins_with_one_at_once() -> None:
    made = scheduler(replica("a"))
    assert isinstance(made.arrive(ask(1), 0.0), Start)
    for one in range(2, 7):
        assert isinstance(made.arrive(ask(one, priority=2), 0.0), Wait)
    made.ended(1, "a", "well", 0.0)
    assert [one.ask for one in made.wake(9.0)] == [2]
    assert [one.ask for one in made.ended(2, "a", "well", 9.1)] == [3, 4]
    assert [one.ask for one in made.ended(3, "a", "sick", 9.2)] == [5]
    assert [one.ask for one in made.ended(4, "a", "well", 9.3)] == [6]


def test_what_a_batch_works_on_fills_no_replica_and_no_queue_for_others() -> None:
    made = scheduler(replica("a", 1), waiting=1)
    effects = [made.arrive(ask(one, priority=2), 1.0) for one in range(3)]
    assert [type(one) for one in effects] == [Start, Wait, Refuse]
    assert isinstance(made.arrive(ask(3), 2.0), Start)
    assert isinstance(made.arrive(ask(4), 2.0), Wait)
    assert [one.why for one in made.explain(ask(5, priority=2), 2.0)] == ["full: works on 2"]


def test_a_batch_goes_where_nobody_is_served() -> None:
    made = scheduler(replica("a"), replica("b"))
    first = made.arrive(ask(1), 1.0)
    second = made.arrive(ask(2, priority=2), 1.0)
    assert isinstance(first, Start)
    assert isinstance(second, Start)
    assert {first.replica, second.replica} == {"a", "b"}
    assert made.giving_way == set()
    (verdict,) = [one for one in made.explain(ask(3, priority=2), 1.0) if one.replica == first.replica]
    assert verdict.why == "works for others: a batch gives way"
