"""Engines that split a model: sizes, networks and shared memory, seen at a real process and judged."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value, absent
from keepwell.core.ref import engine, node
from keepwell.core.values import row_of
from keepwell.plugins import registry
from keepwell.plugins.place import Place, ServingProcess, Site
from keepwell.plugins.probe import Probe
from keepwell.testing.clock import FakeClock
from keepwell.transport.local import LocalTransport
from tests.checks.judging import engine_seen, findings, only
from tests.machines import about

ROW: Value = {"index": 0, "computes": True}
MIB = 1024 * 1024
INTERFACES: Value = tuple(
    {"name": name, "kind": kind, "state": state, "addresses": addresses}
    for name, kind, state, addresses in (
        ("lo", "loopback", "up", ("127.0.0.1/8",)),
        ("eno1", "ethernet", "up", ("10.0.0.1/24", "fe80::1/64")),
        ("enp5s0f0", "ethernet", "up", ("10.9.0.1/24",)),
        ("enp5s0f1", "ethernet", "down", ()),
        ("docker0", "bridge", "up", ("172.17.0.1/16",)),
    )
)
FAST: Value = ({"role": "fast", "interface": "enp5s0f0", "address": "10.9.0.1"},)


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("node")
    yield transport
    await transport.close()


def _ranks(*more: Observation, **row: Value) -> Finding:
    ranks = {"tensor": 1, "pipeline": 1, "data": 1, "executor": "", **row}
    return only("collective.ranks", *engine_seen(engine_ranks=ranks), *more)


@pytest.mark.parametrize(
    ("row", "gpus", "kind", "wished"),
    [
        ({"tensor": 1}, 0, "fits", "1"),
        ({"tensor": 2}, 0, "fits", "2"),
        ({"tensor": 2, "heads": 28}, 2, "fits", "2"),
        ({"tensor": 8, "heads": 28}, 8, "heads", "7"),
        ({"tensor": 4, "heads": 32}, 2, "gpus", "2"),
        ({"tensor": 2, "pipeline": 2}, 3, "gpus", "2"),
    ],
)
def test_sizes(row: dict[str, Value], gpus: int, kind: str, wished: str) -> None:
    found = _ranks(about("device.list", (ROW,) * gpus), **row)
    assert (found.facts["kind"], found.facts["wished"]) == (kind, wished)
    assert found.bad is (kind != "fits")


def test_ranks_that_ray_places_may_be_more_than_this_node_has() -> None:
    cluster = about("ray.cluster", {"gpus": 8.0})
    one = about("device.list", (ROW,))
    assert _ranks(one, cluster, tensor=8, heads=32, executor="ray").status is Status.OK
    assert _ranks(one, about("ray.cluster", {"gpus": 4.0}), tensor=8, heads=32, executor="ray").bad


def _interface(variable: str, value: str, *, networks: Value = (), addresses: bool = False) -> Finding:
    kind = {True: "addresses", False: "interfaces"}[addresses]
    seen = engine_seen(engine_collective={kind: {variable: value}})
    return only("collective.interface", *seen, about("host.interfaces", INTERFACES), about("host.networks", networks))


@pytest.mark.parametrize(
    ("variable", "value", "networks", "kind"),
    [
        ("NCCL_SOCKET_IFNAME", "enp5", (), "right"),
        ("NCCL_SOCKET_IFNAME", "=enp5", (), "missing"),
        ("NCCL_SOCKET_IFNAME", "=enp5s0f0:1", (), "right"),
        ("NCCL_SOCKET_IFNAME", "^docker,lo", FAST, "right"),
        ("NCCL_SOCKET_IFNAME", "ib0", (), "missing"),
        ("GLOO_SOCKET_IFNAME", "enp5", (), "missing"),
        ("GLOO_SOCKET_IFNAME", "enp5s0f1", (), "down"),
        ("NCCL_SOCKET_IFNAME", "lo", (), "right"),  # one node alone talks to itself
        ("NCCL_SOCKET_IFNAME", "docker0", FAST, "loopback"),
        ("NCCL_SOCKET_IFNAME", "eno1", FAST, "role"),
        ("NCCL_SOCKET_IFNAME", "enp5s0f0", FAST, "right"),
    ],
)
def test_interfaces(variable: str, value: str, networks: Value, kind: str) -> None:
    found = _interface(variable, value, networks=networks)
    assert found.facts["kind"] == kind
    assert found.bad is (kind != "right")


@pytest.mark.parametrize(
    ("value", "networks", "kind"),
    [
        ("10.0.0.1", (), "right"),
        ("10.0.0.7", (), "foreign"),
        ("10.0.0.1", FAST, "role"),
        ("10.9.0.1", FAST, "right"),
        ("172.17.0.1", FAST, "loopback"),
    ],
)
def test_addresses(value: str, networks: Value, kind: str) -> None:
    assert _interface("HOST_IP", value, networks=networks, addresses=True).facts["kind"] == kind


@pytest.mark.parametrize(("value", "kind", "found"), [("1", "infiniband", True), ("0", "infiniband", False),
                                                     ("1", "ethernet", False)])  # fmt: skip
def test_infiniband_that_is_switched_off(value: str, kind: str, found: bool) -> None:
    interfaces: Value = ({"name": "ib0", "kind": kind, "state": "up", "addresses": ("10.9.0.1/24",)},)
    networks: Value = ({"role": "fast", "interface": "ib0", "address": "10.9.0.1"},)
    seen = engine_seen(engine_collective={"others": {"NCCL_IB_DISABLE": value}})
    one = only("collective.interface", *seen, about("host.interfaces", interfaces), about("host.networks", networks))
    assert (one.facts["kind"] == "ib-disabled") is found


def test_where_interfaces_were_not_seen_nothing_is_said() -> None:
    seen = engine_seen(engine_collective={"interfaces": {"NCCL_SOCKET_IFNAME": "ib0"}})
    assert findings("collective.interface", *seen) == []


@pytest.mark.parametrize(
    ("total", "free", "tensor", "kind"),
    [
        (64 * MIB, 64 * MIB, 2, "docker-default"),
        (512 * MIB, 500 * MIB, 2, "small"),
        (8192 * MIB, 8000 * MIB, 2, "room"),
        (8192 * MIB, 10 * MIB, 2, "full"),
    ],
)
def test_shared_memory(total: int, free: int, tensor: int, kind: str) -> None:
    memory: Value = {"path": "/dev/shm", "total_bytes": total, "free_bytes": free, "segments": 1}
    ranks: Value = {"tensor": tensor, "pipeline": 1}
    found = only("collective.shared_memory", *engine_seen(engine_shared_memory=memory, engine_ranks=ranks))
    assert found.facts["kind"] == kind
    assert found.bad is (kind != "room")


def test_one_rank_needs_no_shared_memory() -> None:
    memory: Value = {"path": "/dev/shm", "total_bytes": 64 * MIB, "free_bytes": 0, "segments": 1}
    seen = engine_seen(engine_shared_memory=memory, engine_ranks={"tensor": 1, "pipeline": 1})
    assert findings("collective.shared_memory", *seen) == []


async def _observe(here: LocalTransport, process: ServingProcess | Missing, start: tuple[str, ...] = ()) -> Seen:
    ref = engine("node", "made")
    site = Site(ref=ref, engine="vllm", url="http://127.0.0.1:8000", process=process, start=start)
    plugin = registry.load("engines", "vllm")
    probe = registry.load("probes", "engine_ranks")
    assert isinstance(probe, Probe)
    place = Place(node=node("node"), transport=here, clock=FakeClock(), site=site, engine=plugin)
    return Seen(await probe.observe(place))


async def test_what_is_seen_of_a_process(here: LocalTransport, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": 28, "num_key_value_heads": 4}))
    process = ServingProcess(
        pid=os.getpid(),
        argv=("/opt/bin/vllm", "serve", str(tmp_path), "-tp", "8", "--pipeline-parallel-size=2"),
        environment={"NCCL_SOCKET_IFNAME": "eno1", "VLLM_HOST_IP": "10.0.0.1", "NCCL_IB_DISABLE": "1", "OTHER": "x"},
        user="",
        uid=os.getuid(),
        gid=os.getgid(),
    )
    seen = await _observe(here, process)
    ref = engine("node", "made")
    assert seen.value(ref, "engine.ranks") == {
        "tensor": 8, "pipeline": 2, "data": 1, "executor": "", "heads": 28, "key_heads": 4,
    }  # fmt: skip
    assert seen.value(ref, "engine.collective") == {
        "interfaces": {"NCCL_SOCKET_IFNAME": "eno1"},
        "addresses": {"VLLM_HOST_IP": "10.0.0.1"},
        "others": {"NCCL_IB_DISABLE": "1"},
    }
    memory = row_of(seen.value(ref, "engine.shared_memory"))
    statistics = os.statvfs("/dev/shm")
    assert memory["total_bytes"] == statistics.f_blocks * statistics.f_frsize


async def test_an_engine_that_could_not_start_is_judged_by_its_start_command(here: LocalTransport) -> None:
    start = ("env", "A=1", "/opt/bin/vllm", "serve", "/nowhere", "--tensor-parallel-size", "4")
    seen = await _observe(here, absent("nothing serves"), start)
    assert row_of(seen.value(engine("node", "made"), "engine.ranks"))["tensor"] == 4
    assert isinstance(seen.value(engine("node", "made"), "engine.shared_memory"), Missing)
