"""Networks as declared: there, up, fast enough; interfaces that lose packets; engines where their clients are."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.checks.network import judge_client, judge_errors, judge_mtu, judge_present, judge_role, judge_speed
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref, engine, node, service
from keepwell.core.values import row_of

BOX, ENGINE = node("box"), engine("box", "e")
LAN: Value = {"role": "lan", "declared": "eno1", "interface": "eno1", "address": "192.168.1.20"}


def interface(name: str, **more: Value) -> Value:
    return {"name": name, "state": "up", "kind": "ethernet", "mtu": 1500, "addresses": (), **more}


def seen(networks: tuple[Value, ...], interfaces: tuple[Value, ...], *listening: str) -> Seen:
    rows: list[tuple[Ref, str, Value]] = [
        (BOX, "host.networks", networks),
        (BOX, "host.interfaces", interfaces),
        (ENGINE, "engine.listening", listening),
    ]
    return Seen(Observation(subject=ref, name=name, value=value, at=1.0, source="s") for ref, name, value in rows)


def only(found: Iterable[Finding]) -> Finding:
    (one,) = found
    return one


def test_a_declared_network_that_is_not_there_or_down() -> None:
    missing = only(judge_present(seen(({"role": "fast", "declared": "ib0"},), (interface("eno1"),))))
    assert (missing.status, missing.facts["kind"]) == (Status.WARNING, "missing")
    assert "eno1" in missing.message
    down = only(judge_present(seen((LAN,), (interface("eno1", state="down"),))))
    assert (down.status, down.facts["kind"]) == (Status.WARNING, "down")
    assert only(judge_present(seen((LAN,), (interface("eno1"),)))).status is Status.OK


def test_a_link_slower_than_declared() -> None:
    fast: Value = {**row_of(LAN), "mbit_per_s": 10_000.0}
    slow = only(judge_speed(seen((fast,), (interface("eno1", mbit_per_s=1000, duplex="full"),))))
    assert (slow.status, slow.facts["kind"], slow.facts["mbit_per_s"]) == (Status.WARNING, "slower", "1000")
    assert only(judge_speed(seen((fast,), (interface("eno1", mbit_per_s=10_000),)))).status is Status.OK
    half = only(judge_speed(seen((LAN,), (interface("eno1", mbit_per_s=100, duplex="half"),))))
    assert half.facts["kind"] == "half-duplex"
    assert list(judge_speed(seen((fast,), (interface("eno1"),)))) == []


def test_parts_of_a_bridge_have_its_mtu() -> None:
    bridge = interface("br0", mtu=9000, kind="bridge")
    bad = only(judge_mtu(seen((), (bridge, interface("eno1", master="br0", mtu=1500)))))
    assert (bad.facts["mtu"], bad.facts["master_mtu"]) == ("1500", "9000")
    assert list(judge_mtu(seen((), (bridge, interface("eno1", master="br0", mtu=9000))))) == []


def test_many_lost_packets_are_told_and_a_few_are_not() -> None:
    lossy = interface("eno1", packets=1_000_000, errors=5000, drops=1)
    assert only(judge_errors(seen((), (lossy,)))).facts["errors"] == "5000"
    assert list(judge_errors(seen((), (interface("eno1", packets=10**9, errors=5000, drops=0),)))) == []
    assert list(judge_errors(seen((), (interface("docker0", kind="virtual", packets=1, errors=9999, drops=0),)))) == []


def test_an_engine_that_listens_only_backstage() -> None:
    fast: Value = {"role": "fast", "declared": "ib0", "interface": "ib0"}
    cards = (interface("eno1", addresses=("192.168.1.20/24",)), interface("ib0", addresses=("10.0.0.20/16",)))
    found = only(judge_role(seen((LAN, fast), cards, "10.0.0.20:8000")))
    assert (found.status, found.facts["role"]) == (Status.WARNING, "fast")
    for well in (("0.0.0.0:8000",), ("127.0.0.1:8000",), ("192.168.1.20:8000", "10.0.0.20:8000"), ()):
        assert list(judge_role(seen((LAN, fast), cards, *well))) == []
    assert list(judge_role(seen((fast,), cards, "10.0.0.20:8000"))) == []


def linked(host: str, *roles: str) -> Seen:
    """A chat that goes to this address, on a node with a network of each role."""
    chat = service("box", "chat")
    subnets = {"lan": "192.168.1.20/24", "cluster": "10.9.0.1/24", "fast": "10.7.0.1/24"}
    networks = tuple({"role": role, "declared": role, "interface": f"if-{role}"} for role in roles)
    interfaces = tuple(interface(f"if-{role}", addresses=(subnets[role],)) for role in subnets)
    link = {"setting": "OLLAMA_BASE_URL", "url": f"http://{host}:11434", "host": host, "port": 11434}
    rows: list[tuple[Ref, str, Value]] = [
        (BOX, "host.networks", networks),
        (BOX, "host.interfaces", interfaces),
        (chat, "service.site", {"title": "Open WebUI"}),
        (chat, "service.links", (link,)),
    ]
    return Seen(Observation(subject=ref, name=name, value=value, at=1.0, source="s") for ref, name, value in rows)


def test_a_client_in_the_network_of_the_ranks() -> None:
    bad = only(judge_client(linked("10.9.0.2", "lan", "cluster")))
    assert (bad.status, bad.facts["role"], bad.facts["setting"]) == (Status.WARNING, "cluster", "OLLAMA_BASE_URL")
    assert only(judge_client(linked("192.168.1.9", "lan", "cluster"))).status is Status.OK
    assert only(judge_client(linked("10.7.0.2", "lan", "cluster", "fast"))).status is Status.OK, "a fast link is fine"
    assert list(judge_client(linked("10.9.0.2", "cluster"))) == [], "where else should it go?"
    assert list(judge_client(linked("10.9.0.2", "lan"))) == [], "nothing was said of that network"
