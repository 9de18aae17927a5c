"""`keepwell discover`: refuses what is not one's own, prints valid entries, and gives what it has on Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from keepwell.app.discovering import discover_network, read_network, read_ports
from keepwell.app.operation import Caller
from keepwell.config.load import parse_config
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.plugins.registry import names
from keepwell.testing.services import ServiceFake
from tests.support import eventually_async


@pytest.mark.parametrize("cidr", ["8.8.8.0/24", "203.0.114.0/28", "2001:4860::/120"])
def test_a_public_network_is_refused_unless_it_is_owned(cidr: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_network(cidr, owned=False)
    assert "--i-own-this-network" in caught.value.hint
    assert read_network(cidr, owned=True).prefixlen


@pytest.mark.parametrize(
    "cidr", ["192.168.1.7/24", "10.0.0.0/22", "172.16.0.0/30", "127.0.0.0/28", "100.64.0.0/24", "fd00::/120"]
)
def test_a_private_network_is_looked_at(cidr: str) -> None:
    assert read_network(cidr, owned=False).num_addresses <= 1024


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "192.168.0.0/21", "everything", "192.168.1.0/33", ""])
def test_what_is_no_network_or_too_large_is_told(cidr: str) -> None:
    with pytest.raises(ConfigurationError):
        read_network(cidr, owned=True)


@pytest.mark.parametrize(
    ("text", "ports"), [("", ()), ("11434", (11434,)), ("8000-8002, 8001,80", (8000, 8001, 8002, 80))]
)
def test_ports_are_read(text: str, ports: tuple[int, ...]) -> None:
    assert read_ports(text) == ports


@pytest.mark.parametrize("text", ["http", "0", "70000", "1-65535", "1-x"])
def test_what_is_no_port_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_ports(text)


async def test_the_printed_entries_are_valid() -> None:
    async with ServiceFake("grafana", host="127.0.0.5") as one, ServiceFake("localai", host="127.0.0.6") as two:
        report = await discover_network(
            Caller(), cidr="127.0.0.0/28", ports=f"{one.port},{two.port}", timeout="20s", owned=False
        )
    kinds = {"kind": set(names("engines")), "service": set(names("services"))}
    config = parse_config(report.entries.encode(), path=Path("made"), kinds=kinds, local_name="here")
    assert [node.address for node in config.nodes] == ["127.0.0.5", "127.0.0.6"]
    assert [(entry.kind, entry.url) for entry in config.services] == [("grafana", one.url), ("localai", two.url)]
    assert (report.complete, report.exit_code) == (True, 0)


async def test_ctrl_c_gives_what_was_found_so_far() -> None:
    connected = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    async with ServiceFake("grafana", host="127.0.0.2") as fake:
        server = await asyncio.start_server(hang, "127.0.0.9", fake.port)
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "keepwell", "discover", "--cidr", "127.0.0.0/28", "--ports", str(fake.port), "--json"),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"NO_COLOR": "1"},
        )
        await asyncio.wait_for(connected.wait(), 20.0)

        async def asked() -> bool:
            return "/api/health" in fake.requests

        await eventually_async(asked, 10.0, "the fake to be asked")
        child.send_signal(signal.SIGINT)
        output, _ = await asyncio.wait_for(child.communicate(), 20.0)
        server.close()
    told = json.loads(output)
    assert (told["interrupted"], told["complete"], child.returncode) == (True, False, 3)
    assert [one["address"] for one in told["hosts"]][:1] == ["127.0.0.2"]
