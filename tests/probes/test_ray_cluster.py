"""A Ray cluster seen from one of its nodes, through a dashboard on loopback or by the command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.values import row_of, rows_of
from keepwell.plugins import registry
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe
from keepwell.testing.clock import FakeClock
from keepwell.testing.fake_ray import FakeGroup, FakeRay, FakeRayNode
from keepwell.testing.node import RecordedNode
from keepwell.transport.local import LocalTransport

NODE = node("box")
HEAD, WORKER = FakeRayNode(address="10.0.0.1", gpus=2, head=True), FakeRayNode(address="10.0.0.2", gpus=1)
STATUS = "Active:\n 1 node_a\nTotal Usage:\n 0.0/4.0 CPU\n 0.0/1.0 GPU\n"


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("box")
    yield transport
    await transport.close()


async def _look(transport: LocalTransport | RecordedNode, argv: tuple[str, ...], *more: Observation) -> Seen:
    processes: Value = ({"pid": 1, "argv": ("/sbin/init",)}, {"pid": 7, "argv": argv})
    seen = [_saw("host.processes", processes), *more]
    place = Place(node=NODE, transport=transport, clock=FakeClock(), seen=Seen(seen))
    probe = registry.load("probes", "ray_cluster")
    assert isinstance(probe, Probe)
    return Seen([*seen, *await probe.observe(place)])


def _saw(name: str, value: Value | Missing) -> Observation:
    return Observation(subject=NODE, name=name, value=value, at=0.0, source="test")


def _judge(name: str, seen: Iterable[Observation]) -> Finding:
    checks = registry.load("checks", "ray")
    assert isinstance(checks, tuple)
    (check,) = [one for one in checks if isinstance(one, Check) and one.id == f"ray.{name}"]
    (found,) = check.judge(Seen(seen))
    return found


async def test_a_cluster_that_is_well(here: LocalTransport, tmp_path: Path) -> None:
    package = tmp_path / "lib" / "python3.11" / "site-packages" / "ray"
    package.mkdir(parents=True)
    (package / "_version.py").write_text('version = "2.60.0"\n')
    placed = FakeGroup(name="engine", bundles=3, placed=True)
    async with FakeRay(nodes=(HEAD, WORKER), groups=(placed,)) as ray:
        seen = await _look(here, ray.raylet("10.0.0.1", package=str(package)))
    mine, cluster = row_of(seen.value(NODE, "ray.node")), row_of(seen.value(NODE, "ray.cluster"))
    assert (mine["head"], mine["version"], mine["python"], mine["gpus"]) == (True, "2.60.0", "3.11", 2.0)
    assert (cluster["version"], cluster["gpus"], cluster["active"]) == ("2.60.0", 3.0, 2)
    assert len(rows_of(cluster["nodes"])) == 2
    for name in ("nodes", "versions", "demands"):
        assert _judge(name, seen).status is Status.OK, name


async def test_a_group_that_wants_more_gpus_than_there_are(here: LocalTransport) -> None:
    async with FakeRay(nodes=(HEAD, WORKER), groups=(FakeGroup(name="tp4", bundles=4),)) as ray:
        seen = await _look(here, ray.raylet("10.0.0.1"))
    found = _judge("demands", seen)
    assert (found.status, found.facts["kind"]) == (Status.CRITICAL, "gpus")
    assert (found.facts["wanted"], found.facts["gpus"]) == ("4", "3")


async def test_a_group_that_waits_for_an_unknown_node(here: LocalTransport) -> None:
    wants = {"GPU": 1.0, "node:172.17.0.1": 0.001}
    async with FakeRay(nodes=(HEAD, WORKER), groups=(FakeGroup(name="x", bundles=1, wants=wants),)) as ray:
        seen = await _look(here, ray.raylet("10.0.0.1"))
    found = _judge("demands", seen)
    assert (found.facts["kind"], found.facts["address"]) == ("address", "172.17.0.1")


async def test_a_young_cluster_is_told_by_its_status(here: LocalTransport) -> None:
    async with FakeRay(nodes=(HEAD, WORKER), young=True) as ray:
        seen = await _look(here, ray.raylet("10.0.0.1"))
    cluster = row_of(seen.value(NODE, "ray.cluster"))
    assert (cluster["nodes"], cluster["gpus"], cluster["active"]) == ((), 3.0, 2)


async def test_dead_nodes_and_shared_addresses(here: LocalTransport) -> None:
    dead = FakeRayNode(address="10.0.0.3", state="DEAD")
    async with FakeRay(nodes=(HEAD, WORKER, dead)) as ray:
        found = _judge("nodes", await _look(here, ray.raylet("10.0.0.1")))
    assert (found.facts["kind"], found.facts["address"]) == ("dead", "10.0.0.3")
    async with FakeRay(nodes=(HEAD,)) as ray:
        line = ray.raylet("10.0.0.1")
        ray.nodes = (HEAD, FakeRayNode(address="10.0.0.1"))
        seen = await _look(here, line)
    assert _judge("nodes", seen).facts["kind"] == "duplicate"


async def test_without_a_dashboard_the_command_is_asked() -> None:
    played = RecordedNode()
    async with FakeRay(nodes=(HEAD, WORKER)) as ray:
        line = ray.raylet("10.0.0.2")
    played.answer(("/opt/ray/bin/ray", "status", "--address=10.0.0.1:6379"), STATUS)
    cluster = row_of((await _look(played, line)).value(NODE, "ray.cluster"))
    assert (cluster["gpus"], cluster["active"]) == (1.0, 1)
    assert "http GET http://10.0.0.1:8265/api/version" in played.calls, "the head's dashboard was tried"


async def test_nothing_answers_is_a_reason() -> None:
    async with FakeRay(nodes=(HEAD,)) as ray:
        line = ray.raylet("10.0.0.1")
    value = (await _look(RecordedNode(), line)).value(NODE, "ray.cluster")
    assert isinstance(value, Missing)
    assert value.kind == "failed"
    assert "ray status" in value.reason


async def test_a_node_without_ray(here: LocalTransport) -> None:
    seen = await _look(here, ("/usr/bin/other",))
    assert isinstance(seen.value(NODE, "ray.node"), Missing)


def _interfaces(*rows: tuple[str, str, str]) -> Observation:
    value: Value = tuple(
        {"name": name, "kind": kind, "state": "up", "addresses": (f"{address}/24",)} for name, kind, address in rows
    )
    return _saw("host.interfaces", value)


LAN, FAST, LOOP = ("eno1", "ethernet", "10.0.0.1"), ("ib0", "infiniband", "10.9.0.1"), ("lo", "loopback", "127.0.0.1")


@pytest.mark.parametrize(
    ("address", "role", "kind"),
    [
        ("10.0.0.1", "", "right"),
        ("127.0.0.1", "", "loopback"),
        ("172.17.0.1", "", "foreign"),
        ("10.0.0.1", "cluster", "role"),
        ("10.9.0.1", "cluster", "right"),
        ("10.0.0.1", "storage", "right"),
    ],
)
def test_the_address_that_a_node_announces(address: str, role: str, kind: str) -> None:
    networks: Value = ()
    if role:
        networks = ({"role": role, "interface": "ib0", "address": "10.9.0.1"},)
    mine = _saw("ray.node", {"address": address, "head": False, "gpus": 0.0})
    found = _judge("address", [mine, _interfaces(LAN, FAST, LOOP), _saw("host.networks", networks)])
    assert found.facts["kind"] == kind
    assert found.bad is (kind != "right")


def test_a_head_that_is_alone_may_sit_on_loopback() -> None:
    mine = _saw("ray.node", {"address": "127.0.0.1", "head": True})
    assert _judge("address", [mine, _interfaces(LAN, LOOP)]).status is Status.OK


def test_gpus_that_are_promised_and_not_there() -> None:
    listed: Value = ({"index": 0, "computes": True}, {"index": 1, "computes": False})
    seen = [_saw("ray.node", {"address": "10.0.0.1", "gpus": 2.0}), _saw("device.list", listed)]
    found = _judge("gpus", seen)
    assert (found.status, found.facts["promised"], found.facts["gpus"]) == (Status.WARNING, "2", "1")


def test_nodes_of_several_releases() -> None:
    def of(name: str, **row: Value) -> Observation:
        return Observation(subject=node(name), name="ray.node", value=row, at=0.0, source="test")

    checks = registry.load("checks", "ray")
    assert isinstance(checks, tuple)
    (check,) = [one for one in checks if isinstance(one, Check) and one.id == "ray.versions"]
    seen = Seen(
        [
            of("a", head=True, version="2.60.0", python="3.11"),
            of("b", head=False, version="2.40.0", python="3.11"),
            of("c", head=False, version="2.60.0", python="3.12"),
        ]
    )
    assert {one.subject.name: one.facts["kind"] for one in check.judge(seen)} == {
        "a": "same",
        "b": "ray",
        "c": "python",
    }
