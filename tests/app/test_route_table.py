"""Routes from what engines have and what the owner declares. Pure: no engine is asked."""

from __future__ import annotations

from keepwell.app.serving.route_table import RouteTable, Stock, find_gaps, make_routes
from keepwell.config.gateway_model import GatewayEntry, RouteEntry
from keepwell.gateway.choice.ask import Route
from keepwell.plugins.dialect import InMemory
from keepwell.plugins.engine import LoadedModel, ModelInfo
from keepwell.plugins.routing import Replica


def stock(name: str, *models: str, label: str = "", tags: tuple[str, ...] = (), resident: str = "") -> Stock:
    node = name.partition("/")[0]
    replica = Replica(id=name, node=node, host="h", port=1, dialects=frozenset({"d"}), tags=frozenset(tags))
    infos = tuple(ModelInfo(name=one, size_bytes=7, digest=f"digest of {one}", context_tokens=4096) for one in models)
    loaded = tuple(
        LoadedModel(name=one, size_bytes=9, gpu_bytes=5, expires_at=61.0, context_tokens=2048)
        for one in [resident]
        if one
    )
    return Stock(replica=replica, label=label, models=infos, loaded=loaded)


STOCKS = (
    stock("gpu01/a", "qwen3:32b", "tiny:latest", label="big", tags=("cuda", "fast"), resident="qwen3:32b"),
    stock("gpu02/b", "Qwen/Qwen3-32B", tags=("cuda",)),
    stock("box/c", "tiny"),
    stock("box/d"),
)


def table(*entries: RouteEntry, offer: str = "all") -> tuple[dict[str, Route], RouteTable]:
    made = make_routes(STOCKS, entries, GatewayEntry(offer=offer))
    return {one.name: one for one in made.routes}, made


def test_without_a_word_each_model_has_its_own_name_and_latest_is_the_same() -> None:
    routes, made = table()
    assert {name: dict(one.replicas) for name, one in routes.items()} == {
        "Qwen/Qwen3-32B": {"gpu02/b": "Qwen/Qwen3-32B"},
        "qwen3:32b": {"gpu01/a": "qwen3:32b"},
        "tiny": {"gpu01/a": "tiny:latest", "box/c": "tiny"},
    }
    assert all(not one.out for one in routes.values())
    (big,) = [one for one in made.offered if one.name == "qwen3:32b"]
    assert (big.nodes, big.dialects, big.size_bytes) == (("gpu01",), ("d",), 7)
    held = InMemory(node="gpu01", size_bytes=9, gpu_bytes=5, context_tokens=2048, expires_at=120.0)
    assert big.held == (held,)
    assert big.digest == "digest of qwen3:32b"


def test_a_route_joins_engines_that_know_its_model_by_different_names() -> None:
    entry = RouteEntry(name="chat", models=("qwen3:32b", "Qwen/Qwen3-32B"))
    routes, made = table(entry, offer="routes")
    assert list(routes) == ["chat"]
    assert routes["chat"].replicas == {"gpu01/a": "qwen3:32b", "gpu02/b": "Qwen/Qwen3-32B"}
    assert routes["chat"].out == {
        "box/c": "has no model qwen3:32b or Qwen/Qwen3-32B",
        "box/d": "has not told which models it has",
    }
    assert [(one.name, one.nodes, len(one.held)) for one in made.offered] == [("chat", ("gpu01", "gpu02"), 1)]


def test_engines_are_called_by_label_id_or_node_and_chosen_by_tags() -> None:
    for called in ("big", "gpu01/a", "gpu01"):
        routes, _ = table(RouteEntry(name="tiny", engines=(called,)))
        assert routes["tiny"].replicas == {"gpu01/a": "tiny:latest"}
    routes, _ = table(RouteEntry(name="tiny", tags=("cuda", "fast")))
    assert routes["tiny"].replicas == {"gpu01/a": "tiny:latest"}
    assert routes["tiny"].out["box/c"] == "has no tag cuda, fast"
    assert "box/d" in routes["tiny"].out


def test_names_patterns_and_the_default_lead_to_their_route() -> None:
    entries = (
        RouteEntry(name="chat", models=("tiny",), aliases=("gpt-4o", "gpt-*"), default=True),
        RouteEntry(name="claude-*", models=("tiny",)),
    )
    _, made = table(*entries)
    assert made.aliases == {"gpt-4o": "chat"}
    assert made.patterns == (("gpt-*", "chat"), ("claude-*", "claude-*"))
    assert made.default == "chat"
    assert [one.name for one in made.offered] == ["Qwen/Qwen3-32B", "chat", "gpt-4o", "qwen3:32b", "tiny"]


def test_what_a_route_says_counts_before_what_the_gateway_says() -> None:
    gateway = GatewayEntry(waiting=5, wait_seconds=7, policy=("weighted",))
    entries = (RouteEntry(name="tiny"), RouteEntry(name="own", models=("tiny",), waiting=0, wait_seconds=1.0))
    entries += (RouteEntry(name="late", models=("tiny",), priority="batch", comments=True, policy=("resident",)),)
    made = {one.name: one for one in make_routes(STOCKS, entries, gateway).routes}
    assert (made["tiny"].waiting, made["tiny"].wait_seconds, made["tiny"].policy) == (5, 7, ("weighted",))
    assert (made["own"].waiting, made["own"].wait_seconds, made["own"].priority) == (0, 1.0, -1)
    assert (made["late"].priority, made["late"].comments, made["late"].policy) == (2, True, ("resident",))
    assert made["qwen3:32b"].policy == ("weighted",)


def test_a_route_that_nobody_answers_is_told_with_why_and_not_offered() -> None:
    _, made = table(RouteEntry(name="chat", models=("llama",), engines=("gpu01",), fallback="nowhere"))
    assert list(find_gaps(made)) == [
        "route chat: nobody can answer: gpu01/a has no model llama",
        "route chat: its fallback nowhere is not offered",
    ]
    assert "chat" not in [one.name for one in made.offered]
