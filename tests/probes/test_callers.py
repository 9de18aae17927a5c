"""service.callers: connections from a service's own network, on a real one and on a recorded machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace

import pytest

from keepwell.core.observation import Missing, Observation, Value
from keepwell.core.ref import service
from keepwell.core.values import rows_of
from keepwell.probes.callers import CONNECT, PROBE, read_failure
from keepwell.testing.waiting import eventually
from keepwell.transport.base import Ran
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape import TapeFile
from tests.engines.real import skip
from tests.machines import Machine, about
from tests.support import free_port

REF = service("node", "open_webui")


def seen(pid: int, *links: Mapping[str, Value]) -> list[Observation]:
    """A service of this process with these links."""
    return [
        about("service.site", {"name": "open_webui", "pid": pid}, subject=REF),
        about("service.links", links, subject=REF),
    ]


def link(host: str, port: int) -> Mapping[str, Value]:
    """A link to this place."""
    return {"setting": "URL", "url": f"http://{host}:{port}", "host": host, "port": port, "target": "", "reach": "yes"}


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    made = LocalTransport("node")
    yield made
    await made.close()


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of loopback that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


@pytest.fixture
def apart() -> Iterator[int]:
    """A process with a network of its own, in which nothing listens."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        skip("only root can enter another's network")
    with subprocess.Popen(["unshare", "--net", "sleep", "60"]) as process:
        own = os.readlink("/proc/self/ns/net")
        eventually(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != own)
        yield process.pid
        process.kill()


async def states(transport: LocalTransport, *made: Observation) -> dict[object, object]:
    """The state by host."""
    (found,) = await PROBE.observe(replace(Machine().place(*made), transport=transport))
    assert found.subject == REF
    return {row["host"]: row["state"] for row in rows_of(found.value)}


async def test_on_the_node_itself(transport: LocalTransport, listening: int) -> None:
    links = (link("127.0.0.1", listening), link("localhost", free_port()), link("no-such-name.invalid", 80))
    assert await states(transport, *seen(os.getpid(), *links)) == {
        "127.0.0.1": "open",
        "localhost": "refused",
        "no-such-name.invalid": "no-name",
    }


@pytest.mark.real
async def test_in_a_network_of_its_own_the_nodes_loopback_is_another(
    transport: LocalTransport, listening: int, apart: int
) -> None:
    told = await states(transport, *seen(apart, link("127.0.0.1", listening), link("no-such-name.invalid", 80)))
    assert told["127.0.0.1"] in ("refused", "no-route")
    assert told["no-such-name.invalid"] == "no-name"


ENTER = ("nsenter", "--target", "70", "--net")
GETENT = (*ENTER, "--mount", "--", "getent", "ahosts", "models")


def connecting(address: str) -> tuple[str, ...]:
    """The command that connects from the container."""
    return (*ENTER, "--", "python3", "-c", CONNECT, address, "11434")


@pytest.mark.parametrize(
    ("host", "answers", "state"),
    [
        ("10.0.0.5", {connecting("10.0.0.5"): "open\n"}, "open"),
        ("10.0.0.5", {connecting("10.0.0.5"): "no-route [Errno 113] No route to host\n"}, "no-route"),
        ("10.0.0.5", {connecting("10.0.0.5"): "Traceback"}, "unknown"),
        ("10.0.0.5", {}, "unknown"),
        ("models", {GETENT: "10.0.0.7  STREAM models\n", connecting("10.0.0.7"): "refused\n"}, "refused"),
        ("models", {GETENT: Ran(argv=GETENT, code=2, stdout=b"", stderr=b"")}, "no-name"),
        ("models", {GETENT: Ran(argv=GETENT, code=127, stdout=b"", stderr=b"no getent")}, "unknown"),
    ],
)
async def test_in_a_container(host: str, answers: Mapping[tuple[str, ...], Ran | str], state: str) -> None:
    machine = Machine()
    machine.files.put("/proc/self/ns/net", TapeFile(kind="link", target="net:[1]"))
    machine.files.put("/proc/70/ns/net", TapeFile(kind="link", target="net:[2]"))
    for argv, answer in answers.items():
        machine.node.answer(argv, answer)
    (found,) = await PROBE.observe(machine.place(*seen(70, link(host, 11434))))
    (row,) = rows_of(found.value)
    assert (row["state"], row["from"]) == (state, "container")


async def test_nothing_is_told_of_a_service_without_a_process_or_links() -> None:
    (found,) = await PROBE.observe(Machine().place(*seen(0, link("10.0.0.1", 1))))
    assert isinstance(found.value, Missing)
    assert await PROBE.observe(Machine().place(*seen(7))) == []


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Connection refused", "refused"),
        ("Name or service not known", "no-name"),
        ("No address associated with hostname", "no-name"),
        ("Temporary failure in name resolution", "no-name"),
        ("No route to host", "no-route"),
        ("Network is unreachable", "no-route"),
    ],
)
def test_words_of_the_system(said: str, state: str) -> None:
    assert read_failure(said) == state
