"""What an engine left behind is ended, for real; whatever else holds a port is left alone."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.conform.launch import started_at
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import node as node_ref
from keepwell.core.step import EndProcess, Plan, StartProcess
from tests.conform.kit import NODE, work
from tests.steps.kit import ENGINE, finding, plan_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HOLDER = "import signal,socket,sys; s=socket.socket(fileno=int(sys.argv[1])); s.listen(); signal.pause()"
RUNNER = ("/usr/bin/ollama", "runner", "--model", "/models/blobs/sha256-1")
SERVER = ("/usr/bin/ollama", "serve")


def seen_of(rows: tuple[Value, ...], start: tuple[str, ...] = ()) -> Seen:
    """What a survey would have seen of these processes and of the engine."""
    site: Value = {"plug_in": "ollama", "url": "http://127.0.0.1:1", "title": "Ollama"}
    supervisor: Value = {"kind": "process", "unit": "", "start": start}
    told = {"engine.site": site, "engine.supervisor": supervisor}
    found = [Observation(subject=ENGINE, name=name, value=value, at=1.0, source="test") for name, value in told.items()]
    processes = Observation(subject=node_ref(NODE), name="host.processes", value=rows, at=1.0, source="test")
    return Seen([*found, processes])


def row(pid: int, argv: tuple[str, ...], parent: int = 1, began: float = 0.0) -> Value:
    return {"pid": pid, "parent_pid": parent, "argv": argv, "started_at": began, "user": "mia"}


async def plan(rows: tuple[Value, ...], pid: int, start: tuple[str, ...] = ()) -> Plan | None:
    return await plan_of("free_port", finding("address.port_free", holder_pid=str(pid), port="1"), seen_of(rows, start))


async def test_an_orphan_is_ended_and_frees_the_port(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        argv = [sys.executable, "-c", HOLDER, str(held.fileno())]
        with subprocess.Popen(argv, pass_fds=[held.fileno()]) as orphan:
            held.close()
            planned = await plan((row(orphan.pid, RUNNER, began=started_at(orphan.pid) or 0.0),), orphan.pid)
            assert planned is not None
            assert (planned.changes[0].undo, bool(planned.changes[0].irreversible)) == (None, True)
            assert "start" in planned.note
            assert await work(planned, tmp_path) == "well"
            assert orphan.wait(5) == -signal.SIGTERM
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))


async def test_the_engine_is_started_after_where_its_start_is_known() -> None:
    planned = await plan((row(7, RUNNER),), 7, SERVER)
    assert planned is not None
    assert [type(one.do) for one in planned.changes] == [EndProcess, StartProcess]
    assert planned.proof[0].answers


@pytest.mark.parametrize(
    "rows",
    [
        (row(7, ("python3", "-m", "http.server")),),
        (row(7, SERVER),),
        (row(7, RUNNER, parent=6), row(6, SERVER)),
        (row(7, ("docker-proxy",)),),
        (),
    ],
)
async def test_what_has_an_owner_is_left_alone(rows: tuple[Value, ...]) -> None:
    assert await plan(rows, 7) is None


async def test_a_later_process_of_the_same_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        planned = await plan((row(stranger.pid, RUNNER, began=1000.0),), stranger.pid)
        assert planned is not None
        assert await work(planned, tmp_path) == "well"
        assert stranger.poll() is None
        stranger.kill()
