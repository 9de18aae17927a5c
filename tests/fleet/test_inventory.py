"""The inventory: declarations win, memory fills their gaps, nothing is lost or doubled."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config.model import Config, EngineEntry, NodeEntry, Secret
from keepwell.fleet import Inventory, InventoryEngine, InventoryNode, build_inventory
from keepwell.fleet.inventory import supervisor_of
from keepwell.store.memory import Memory, RememberedEngine

SEEN = RememberedEngine(
    node="box",
    kind="vllm",
    url="http://127.0.0.1:8000",
    seen_at=5.0,
    start=("vllm", "serve"),
    environment={"A": "b"},
    cwd="/srv",
    user="svc",
    log="/seen.log",
    models_folder="/seen",
    supervisor="container",
    unit="seen-1",
)


def test_nothing_declared_and_nothing_seen() -> None:
    assert build_inventory(Config(), Memory(), "box") == Inventory(nodes=(InventoryNode(name="box"),), engines=())


def test_a_remembered_engine_is_expected_again() -> None:
    (engine,) = build_inventory(Config(), Memory(engines=(SEEN,)), "box").engines
    assert not engine.declared
    assert (engine.start, engine.supervisor, engine.unit, engine.seen_at) == (SEEN.start, "container", "seen-1", 5.0)


def test_the_declaration_wins_and_memory_fills_its_gaps() -> None:
    entry = EngineEntry(
        kind="vllm", url="http://localhost:8000", log="/own.log", unit="v.service", api_key=Secret(env="K")
    )
    (engine,) = build_inventory(Config(engines=(entry,)), Memory(engines=(SEEN,)), "box").engines
    assert engine == InventoryEngine(
        node="box",
        kind="vllm",
        url="http://localhost:8000",
        declared=True,
        start=("vllm", "serve"),
        environment={"A": "b"},
        cwd="/srv",
        log="/own.log",
        models_folder="/seen",
        user="svc",
        supervisor="systemd",
        unit="v.service",
        api_key=Secret(env="K"),
        seen_at=5.0,
    )


def test_another_kind_at_a_declared_address_is_forgotten() -> None:
    entry = EngineEntry(kind="ollama", url="http://0.0.0.0:8000")
    (engine,) = build_inventory(Config(engines=(entry,)), Memory(engines=(SEEN,)), "box").engines
    assert (engine.kind, engine.start, engine.seen_at) == ("ollama", (), 0.0)


def test_the_same_address_on_another_node_is_another_engine() -> None:
    config = Config(
        nodes=(NodeEntry(name="gpu01", address="10.0.0.1", tags=("a",)),),
        engines=(EngineEntry(kind="vllm", url="http://127.0.0.1:8000", node="gpu01"),),
    )
    inventory = build_inventory(config, Memory(engines=(SEEN,)), "box")
    assert [(one.node, one.declared) for one in inventory.engines] == [("gpu01", True), ("box", False)]
    assert [one.name for one in inventory.nodes] == ["box", "gpu01"]
    assert inventory.nodes[1] == InventoryNode(name="gpu01", address="10.0.0.1", tags=("a",), declared=True)
    assert [one.node for one in inventory.on("box")] == ["box"]


def test_of_two_sights_of_one_address_the_newest_counts() -> None:
    old = RememberedEngine(node="box", kind="ollama", url="http://localhost:8000", seen_at=1.0)
    (engine,) = build_inventory(Config(), Memory(engines=(SEEN, old)), "box").engines
    assert engine.kind == "vllm"


def test_an_address_that_is_none_does_not_break_it() -> None:
    odd = RememberedEngine(node="box", kind="vllm", url="http://h:99999", seen_at=1.0)
    assert len(build_inventory(Config(), Memory(engines=(SEEN, odd)), "box").engines) == 2


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("a.service", "systemd"), ("com.ollama.ollama", "launchd"), ("ollama", "container"), ("a.b", "container")],
)
def test_what_runs_a_unit_follows_from_its_name(unit: str, expected: str) -> None:
    assert supervisor_of(unit) == expected


urls = st.sampled_from(["http://127.0.0.1:1", "http://localhost:1/", "http://h:2", "https://h", "http://h:443"])
nodes = st.sampled_from(["box", "gpu01"])
entries = st.builds(
    EngineEntry, kind=st.sampled_from(["a", "b"]), url=urls, node=nodes | st.just(""), log=st.sampled_from(["", "/l"])
)
sights = st.builds(RememberedEngine, node=nodes, kind=st.sampled_from(["a", "b"]), url=urls, seen_at=st.floats(1, 9))


@given(st.lists(entries, max_size=4), st.lists(sights, max_size=4))
@settings(max_examples=100)
def test_every_declaration_stands_and_every_node_is_known(
    declared: list[EngineEntry], seen: list[RememberedEngine]
) -> None:
    inventory = build_inventory(Config(engines=tuple(declared)), Memory(engines=tuple(seen)), "box")
    stand = [one for one in inventory.engines if one.declared]
    assert [(one.node, one.kind, one.url) for one in stand] == [(e.node or "box", e.kind, e.url) for e in declared]
    assert all(one.log == entry.log for one, entry in zip(stand, declared, strict=True) if entry.log)
    names = [one.name for one in inventory.nodes]
    assert len(names) == len(set(names))
    assert {one.node for one in inventory.engines} <= set(names)
