"""A look through loopback addresses: what answers is told, the bounds hold, and it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator

import pytest

from keepwell.plugins.recognise import load_engines
from keepwell.plugins.services import load_services
from keepwell.survey import sweep as module
from keepwell.survey.sweep import Knowledge, Sweep, hosts_of, sweep
from keepwell.testing.engine import FakeEngine
from keepwell.testing.node import RecordedNode
from keepwell.testing.services import ServiceFake
from keepwell.transport.local import LocalTransport
from tests.support import free_port

KNOWLEDGE = Knowledge(engines=load_engines(), services=load_services())
NETWORK = ipaddress.ip_network("127.0.0.0/28")


def untold(text: str, done: int, total: int) -> None:
    assert done <= total


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    made = LocalTransport("node")
    yield made
    await made.close()


async def test_engines_and_services_are_told_by_address(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as ollama, ServiceFake("grafana", host="127.0.0.5") as grafana:
        into = Sweep()
        ports = (ollama.port, grafana.port)
        await sweep(
            transport, NETWORK, ports, KNOWLEDGE, into=into, progress=untold, seconds=100.0, connect_seconds=30.0
        )
    assert into.complete
    assert into.asked == 14 * 2
    assert {host: [(one.is_engine, one.kind) for one in found] for host, found in into.found.items()} == {
        "127.0.0.1": [(True, "ollama")],
        "127.0.0.5": [(False, "grafana")],
    }
    assert into.found["127.0.0.5"][0].url == grafana.url
    assert len(into.alive) == 14


async def test_what_speaks_no_http_is_only_open(transport: LocalTransport) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-made\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.3", 0)
    port = server.sockets[0].getsockname()[1]
    into = Sweep()
    async with server:
        await sweep(
            transport, NETWORK, (port,), KNOWLEDGE, into=into, progress=untold, seconds=100.0, connect_seconds=30.0
        )
    assert into.open == {"127.0.0.3": {port}}
    assert into.found == {}


class Slow(RecordedNode):
    """A node from which every connection hangs; counts how many do at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0

    async def connect(self, host: str, port: int, *, timeout_seconds: float = 5.0) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.Event().wait()
        finally:
            self.now -= 1


async def test_it_ends_in_its_time_and_never_asks_too_many_at_once() -> None:
    node, into = Slow(), Sweep()
    began = time.monotonic()
    network = ipaddress.ip_network("10.0.0.0/22")
    await sweep(node, network, KNOWLEDGE.ports(), KNOWLEDGE, into=into, progress=untold, seconds=0.3)
    assert time.monotonic() - began < 2.0
    assert not into.complete
    assert node.most == module.AT_ONCE
    assert node.now == 0


async def test_more_than_a_twenty_second_part_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        await sweep(
            Slow(), ipaddress.ip_network("10.0.0.0/21"), (1,), KNOWLEDGE, into=Sweep(), progress=untold, seconds=1.0
        )


def test_ports_are_those_that_plug_ins_name_and_addresses_are_those_of_hosts() -> None:
    ports = KNOWLEDGE.ports()
    assert len(ports) == len(set(ports)) < 40
    assert {11434, 3000, 9090} <= set(ports)
    assert free_port() not in ports[:3]
    assert [str(one) for one in hosts_of(ipaddress.ip_network("192.168.1.0/30"))] == ["192.168.1.1", "192.168.1.2"]
    assert [str(one) for one in hosts_of(ipaddress.ip_network("192.168.1.7/32"))] == ["192.168.1.7"]
