"""What the owner's file and the found engines make of dependencies and of maintenance."""

from __future__ import annotations

from keepwell.app.alerting.circumstances import drained_subject, find_maintained, find_needs
from keepwell.config.gateway_model import RouteEntry
from keepwell.config.model import Config, EngineEntry, NodeEntry, ServiceEntry
from keepwell.core.observation import absent
from keepwell.core.ref import engine
from keepwell.gateway.choice.cordons import Cordon
from keepwell.plugins.place import Site
from keepwell.store.alert_desk import Desk, Maintenance

SITES = (
    Site(ref=engine("gpu01", "vllm"), engine="vllm", url="http://192.0.2.1:8000", process=absent("not here")),
    Site(ref=engine("here", "vllm"), engine="vllm", url="http://127.0.0.1:8000", process=absent("not here")),
)


def test_needs_are_found_by_what_the_owner_calls_things() -> None:
    config = Config(
        nodes=(NodeEntry(name="gpu01", address="192.0.2.1"),),
        engines=(EngineEntry(kind="vllm", url="http://192.0.2.1:8000", node="gpu01", name="big"),),
        services=(
            ServiceEntry(name="db", node="gpu01"),
            ServiceEntry(name="chat", needs=("big", "vllm", "nobody")),
            ServiceEntry(name="search", node="gpu01", needs=("vllm", "db", "gpu01")),
        ),
        routes=(RouteEntry(name="one", engines=("big",)), RouteEntry(name="two", engines=("big", "vllm"))),
    )
    assert find_needs(config, SITES, "here") == {
        "service:gpu01/db": (),
        "service:here/chat": ("engine:gpu01/vllm", "engine:here/vllm"),
        "service:gpu01/search": ("engine:gpu01/vllm", "service:gpu01/db", "node:gpu01"),
        "route:one": ("engine:gpu01/vllm",),
    }


def test_what_is_drained_and_what_people_said_is_in_maintenance() -> None:
    desk = Desk(
        maintenance=(
            Maintenance(subject="node:a", since=0.0, until=100.0),
            Maintenance(subject="node:b", since=0.0, until=10.0),
            Maintenance(subject="node:c", since=90.0),
        )
    )
    cordons = (Cordon(subject="d", since=0.0), Cordon(subject="e/x:8001", since=0.0))
    assert find_maintained(desk, cordons, 50.0) == {"node:a", "node:d", "engine:e/x:8001"}
    assert find_maintained(desk, (), 200.0) == {"node:c"}
    assert drained_subject("gpu01") == "node:gpu01"
