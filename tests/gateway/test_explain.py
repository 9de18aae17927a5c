"""Why a request would go where: told without asking, and true of what is then done."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.choice.ask import Route, Start
from keepwell.gateway.choice.breaker import FAILURES
from keepwell.gateway.choice.explain import explain
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.plugins.routing import Ask, Replica
from tests.gateway.made import POLICIES


def replica(name: str, *dialects: str, limit: int = 0) -> Replica:
    return Replica(id=name, node="n", host="h", port=1, dialects=frozenset(dialects or ("openai",)), limit=limit)


def made(*replicas: Replica, **more: object) -> tuple[Scheduler, Names]:
    models = {one.id: f"model of {one.id}" for one in replicas}
    chat = Route(name="chat", replicas=models, policy=("resident", "least_work"), fallback="small", out={"x/y": "gone"})
    small = Route(name="small", replicas={replicas[0].id: "small"})
    routes = {one.name: one for one in (chat, small)}
    return Scheduler(replicas, routes.values(), POLICIES), Names(routes, {"gpt": "chat"})


def test_it_tells_the_route_the_rules_and_each_candidate() -> None:
    scheduler, names = made(replica("a/1", limit=2), replica("b/2", "anthropic"), replica("c/3"))
    for number in range(FAILURES):
        scheduler.stations["c/3"].running[number] = 0.0
        scheduler.ended(number, "c/3", "sick", 1.0, "HTTP 500")
    scheduler.stations["a/1"].resident = frozenset({"model of a/1"})
    found = explain(scheduler, names, "gpt", "", 1.0)
    assert found is not None
    assert (found.model, found.route, found.how) == ("gpt", "chat", "gpt is an alias")
    assert found.policy == ("resident", "least_work")
    assert sorted(found.candidates) == ["anthropic", "openai"]
    one, two, three, out = found.candidates["openai"]
    assert (one.replica, one.chosen, one.why, one.model, one.limit) == ("a/1", True, "", "model of a/1", 2)
    assert one.resident
    assert two.why == "does not speak openai"
    assert "HTTP 500" in three.why
    assert (out.replica, out.why, out.chosen) == ("x/y", "gone", False)
    assert [row.replica for row in found.candidates["anthropic"] if row.chosen] == ["b/2"]
    (after,) = found.fallbacks
    assert (after.route, after.how) == ("small", "the fallback of chat")
    assert after.candidates["openai"][0].chosen


def test_a_name_that_nobody_has_is_not_explained() -> None:
    scheduler, names = made(replica("a/1"))
    assert explain(scheduler, names, "other", "", 0.0) is None


def test_fallbacks_that_go_round_end() -> None:
    routes = {name: Route(name=name, replicas={"a/1": "m"}, fallback=after) for name, after in (("a", "b"), ("b", "a"))}
    found = explain(Scheduler([replica("a/1")], routes.values(), POLICIES), Names(routes, {}), "a", "", 0.0)
    assert found is not None
    assert [one.route for one in found.fallbacks] == ["b"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
def test_whoever_is_told_is_who_gets_it(rows: list[tuple[int, int, bool]]) -> None:
    """And nothing is changed by asking."""
    replicas = [replica(f"n/{place}", limit=limit) for place, (limit, _, _) in enumerate(rows)]
    scheduler, names = made(*replicas)
    for place, (_, running, proven) in enumerate(rows):
        station = scheduler.stations[f"n/{place}"]
        station.proven = proven
        station.running = {100 * place + number: 0.0 for number in range(running)}
    before = {name: dict(one.running) for name, one in scheduler.stations.items()}
    found = explain(scheduler, names, "chat", "", 5.0)
    assert found is not None
    assert {name: dict(one.running) for name, one in scheduler.stations.items()} == before
    told = [one.replica for one in found.candidates["openai"] if one.chosen]
    effect = scheduler.arrive(Ask(id=0, route="chat", dialect="openai"), 5.0)
    assert told == [effect.replica for _ in [0] if isinstance(effect, Start) and effect.model != "small"]
