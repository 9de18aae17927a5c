"""The link between two nodes, measured over real sockets of this machine."""

from __future__ import annotations

import asyncio
import io
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from rich.console import Console

from keepwell.app.linking import Bounds, LinkReport, Measured, Way, find_ways, measure, program
from keepwell.app.targets import Target
from keepwell.cli.views.link import render
from keepwell.config.model import Config, NetworkEntry, NodeEntry
from keepwell.core.errors import ConfigurationError
from keepwell.transport.link_end import TOKEN_BYTES
from keepwell.transport.local import LocalTransport
from tests.support import free_port

BOUNDS = Bounds(seconds=0.3, megabytes=20)
GPU = NodeEntry(name="gpu01", address="192.168.1.20")
FAST = NetworkEntry(node="gpu01", role="fast", address="10.0.0.20", mbit_per_s=100_000.0)


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("here")
    yield transport
    await transport.close()


async def test_a_link_is_measured_within_its_bounds(here: LocalTransport) -> None:
    found = await measure(here, here, Way(address="127.0.0.1"), BOUNDS)
    assert found.problem == ""
    assert found.mbit_per_s > 1
    assert 0 < found.rtt_seconds < 1
    assert 0 < found.received_bytes <= 21_000_000
    assert found.loss_ratio is None or 0 <= found.loss_ratio < 1


async def test_nobody_is_there_to_take(here: LocalTransport) -> None:
    found = await measure(here, here, Way(address="192.0.2.255"), Bounds(seconds=0.1, port=free_port()))
    assert "nothing could be sent to 192.0.2.255" in found.problem
    assert LinkReport(sender="a", receiver="b", ways=(found,)).exit_code == 3


async def test_who_does_not_know_the_token_sends_nothing() -> None:
    port = free_port()
    words = [sys.executable, "-c", program(), "serve", "127.0.0.1", str(port), "1", "1"]
    server = await asyncio.create_subprocess_exec(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    server.stdin.write(b"ab" * TOKEN_BYTES + b"\n")
    server.stdin.close()
    try:
        stranger = await _connect(port)
        stranger.sendall(b"x" * TOKEN_BYTES)
        stranger.settimeout(5)
        assert stranger.recv(1) == b""
        stranger.close()
        assert server.returncode is None
    finally:
        server.kill()
        await server.communicate()


async def _connect(port: int) -> socket.socket:
    for _ in range(500):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
    raise AssertionError("it never listened")


def test_the_program_needs_nothing_of_keepwell() -> None:
    assert "import keepwell" not in program()
    assert "from keepwell" not in program()
    compile(program(), "link_end", "exec")


def test_ways_are_the_declared_networks_else_the_known_address() -> None:
    target, config = Target(name="gpu01", node=GPU), Config(nodes=(GPU,), networks=(FAST,))
    assert find_ways(target, config, local=True) == (
        Way(address="10.0.0.20", role="fast", wished_mbit_per_s=100_000.0),
    )
    assert find_ways(target, Config(), local=True) == (Way(address="192.168.1.20"),)
    assert find_ways(target, config, local=True, address="10.0.0.20")[0].role == "fast"
    assert find_ways(target, config, local=True, address="10.9.9.9") == (Way(address="10.9.9.9"),)
    assert find_ways(Target(name="here"), Config(), local=True) == (Way(address="127.0.0.1"),)
    with pytest.raises(ConfigurationError, match="no address of this machine"):
        find_ways(Target(name="here"), Config(), local=False)


def test_a_link_slower_than_declared_is_a_warning() -> None:
    way = Way(address="10.0.0.20", role="fast", wished_mbit_per_s=10_000.0)
    slow = Measured(way=way, mbit_per_s=940.0, rtt_seconds=0.0002, loss_ratio=0.01, received_bytes=10**8, seconds=0.9)
    report = LinkReport(sender="a", receiver="b", ways=(slow, Measured(way=Way(address="x"), problem="refused")))
    assert slow.slow
    assert report.exit_code == 1
    out = io.StringIO()
    Console(file=out, width=200).print(render(report))
    assert (
        "! 10.0.0.20 (fast)  940 Mbit/s of 10000 declared, 0.20 ms there and back, 1.00% sent again" in out.getvalue()
    )
    assert "x  refused" in out.getvalue()
