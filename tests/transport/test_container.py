"""A container seen from its own namespaces, at a daemon that speaks the real wire over real namespaces."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import stat
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.agent_identity import find_fingerprint, make_identity
from keepwell.config.model import NodeEntry
from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut, TooLarge, Unreachable
from keepwell.testing.container_daemon import ContainerDaemon, FakeContainer
from keepwell.testing.namespaced import Namespaced, run_namespaced, why_not
from keepwell.testing.node import RecordedNode
from keepwell.testing.transport_contract import (
    Reading,
    World,
    build_world,
    lists_and_follows,
    measures_room,
    reads_bytes,
    refuses_to_read_what_is_no_file,
    stats_each_kind,
)
from keepwell.transport.agent.server import AgentServer
from keepwell.transport.agent.way import open_agent
from keepwell.transport.base import Ran, Transport
from keepwell.transport.container.api import split_frames
from keepwell.transport.container.files import ExecutedFiles
from keepwell.transport.container.inside import WalkedFiles, files_below
from keepwell.transport.container.sockets import CONTAINER_ENGINES, ContainerEngine, find_sockets
from keepwell.transport.container.way import ContainerTransport, open_container
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.record import Recording
from keepwell.transport.recorded.tape import TapeFile
from keepwell.transport.web import unix_url
from tests.support import eventually_async, free_port

namespaces = pytest.mark.skipif(bool(why_not()), reason=why_not() or "namespaces can be made")

#: What runs in the container: an HTTP server on its own loopback, with a child that nobody outside can reach.
SERVER = (
    "import http.server,socketserver;"
    "H=type('H',(http.server.BaseHTTPRequestHandler,),{'do_GET':lambda s:(s.send_response(200),"
    "s.send_header('Content-Length','6'),s.end_headers(),s.wfile.write(b'inside')),'log_message':lambda *a:None});"
    "socketserver.TCPServer(('127.0.0.1',8099),H).serve_forever()"
)


@dataclass
class Scene:
    """A container, its daemon, the table with the daemon's socket, and the machine's transport."""

    inner: Namespaced
    daemon: ContainerDaemon
    engines: tuple[ContainerEngine, ...]
    host: LocalTransport
    socket: Path

    async def open(self, name: str = "llm") -> ContainerTransport:
        return await open_container(self.host, name, engines=self.engines)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    files = {
        "/etc/secret": b"of the container",
        "/etc/hosts": b"127.0.0.1 localhost own-name\n",
        "/data/big": b"x" * 9000,
    }
    (tmp_path / "outside").write_text("of the node")
    with ExitStack() as stack:
        inner = stack.enter_context(
            run_namespaced(tmp_path, "llm", ["python3", "-c", SERVER], files=files, shm_bytes=1 << 20)
        )
        (inner.root / "data" / "out").symlink_to(tmp_path / "outside")
        (inner.root / "data" / "up").symlink_to("../../../../../../etc/secret")
        (inner.root / "data" / "loop").symlink_to("loop")
        (inner.root / "data" / "shadow").symlink_to("/etc/shadow")
        (inner.root / "folder").symlink_to("/data")
        daemon = ContainerDaemon(
            [
                FakeContainer(name="llm", inner=inner, environment={"COLOUR": "blue"}),
                FakeContainer(name="old", status="exited", exit_code=3),
            ]
        )
        path = Path(stack.enter_context(TemporaryDirectory())) / "engine.sock"  # another user must get at it
        path.parent.chmod(0o755)
        engine = ContainerEngine(runtime="docker", title="Docker", sockets=(str(path),), wake="start it")
        host = LocalTransport()
        async with daemon.listen(path):
            yield Scene(inner, daemon, (engine,), host, path)
        await host.close()


@namespaces
async def test_files_are_those_inside_and_links_cannot_lead_out(scene: Scene, tmp_path: Path) -> None:
    inside = await scene.open()
    assert isinstance(inside, Transport)
    assert await inside.read("/etc/secret") == b"of the container"
    assert await inside.read("/data/up") == b"of the container"
    assert await inside.read("/folder/up") == b"of the container"
    assert await inside.read("/../../etc/secret") == b"of the container"
    assert await inside.read("/data/big", offset=8990, max_bytes=4) == b"xxxx"
    with pytest.raises(NotThere, match="/data/out"):
        await inside.read("/data/out")
    with pytest.raises(NotThere, match="/data/shadow"):
        await inside.read("/data/shadow")
    with pytest.raises(NotThere):
        await inside.read(str(tmp_path / "outside"))
    with pytest.raises(AccessError, match="/data/loop"):
        await inside.read("/data/loop")
    assert (await inside.stat("/data/out", follow=False)).kind == "link"
    assert await inside.link("/data/out") == str(tmp_path / "outside")
    assert await inside.list("/data") == ("big", "loop", "out", "shadow", "up")
    assert (await inside.space("/dev/shm")).total_bytes == 1 << 20
    with pytest.raises(AccessError):
        await inside.read("/dev/shm")


@namespaces
async def test_walking_over_any_transport_gives_the_same(scene: Scene) -> None:
    root = f"/proc/{scene.inner.pid}/root"
    walked, pinned = WalkedFiles(scene.host, root), files_below(scene.host, root)
    for path in ("/etc/secret", "/data/up", "/folder/up", "/data/../etc/./secret"):
        content = await walked.read(path, offset=0, max_bytes=100)
        assert content == await pinned.read(path, offset=0, max_bytes=100) == b"of the container"
    for path in ("/data/out", "/data/shadow", "/nothing", "/data/loop", "/etc/secret/below"):
        with pytest.raises(AccessError) as one:
            await walked.read(path, offset=0, max_bytes=100)
        with pytest.raises(AccessError) as other:
            await pinned.read(path, offset=0, max_bytes=100)
        assert path in str(one.value)
        assert path in str(other.value)
    assert await walked.list("/folder") == await pinned.list("/folder")
    assert await walked.stat("/data/out", follow=False) == await pinned.stat("/data/out", follow=False)
    assert await walked.link("/data/up") == await pinned.link("/data/up")


@namespaces
async def test_requests_come_from_the_containers_network_and_names(scene: Scene) -> None:
    inside = await scene.open()
    url = "http://own-name:8099/x"

    async def serves() -> bool:
        try:
            await inside.connect("localhost", 8099)
        except Unreachable:
            return False
        return True

    await eventually_async(serves, what="the server inside")
    reply = await inside.http("GET", url)
    assert (reply.status, reply.body) == (200, b"inside")
    with pytest.raises(Unreachable, match="8099"):
        await scene.host.connect("127.0.0.1", 8099)
    with socket.create_server(("127.0.0.1", 0)) as here, pytest.raises(Unreachable, match="refused"):
        await inside.connect("127.0.0.1", here.getsockname()[1])
    with pytest.raises(Unreachable, match="not known"):
        await inside.http("GET", "http://nowhere.invalid:1/")
    with pytest.raises(TooLarge):
        await inside.http("GET", url, max_bytes=3)


@namespaces
async def test_programs_are_run_by_the_engine_in_the_containers_namespaces(scene: Scene) -> None:
    inside = await scene.open()
    assert (await inside.run(["hostname"])).text.strip() == "llm"
    assert (await inside.run(["printenv", "COLOUR", "LC_ALL"])).text.split() == ["blue", "C"]
    failed = await inside.run(["cat", "/nothing"])
    assert failed.code == 1
    assert b"No such file" in failed.stderr
    with pytest.raises(NotThere, match="no such program"):
        await inside.run(["no-such-program"])
    with pytest.raises(TooLarge):
        await inside.run(["cat", "/data/big"], max_bytes=1000)
    with pytest.raises(TimedOut):
        await inside.run(["sleep", "50"], timeout_seconds=0.3)
    left = await inside.run(["cat", "/proc/1/comm"])
    assert left.code == 0
    assert "POST /exec" in " ".join(scene.daemon.asked)


@namespaces
async def test_a_program_that_outlasts_its_limit_is_ended(scene: Scene) -> None:
    inside = await scene.open()
    with pytest.raises(TimedOut):
        await inside.run(["sleep", "4711"], timeout_seconds=0.3)

    async def ended() -> bool:
        return (await scene.host.run(["pgrep", "-f", "^sleep 4711$"])).code == 1

    await eventually_async(ended, what="sleep 4711 to be gone")


@namespaces
async def test_an_engine_that_runs_nothing_leaves_only_harmless_ways(scene: Scene) -> None:
    scene.daemon.refuses_exec = True
    inside = await scene.open()
    assert await inside.read("/etc/secret") == b"of the container"
    with pytest.raises(NotPermitted, match="runs as root"):
        await inside.run(["hostname"])


@namespaces
async def test_root_enters_as_the_user_of_a_container_that_has_one(tmp_path: Path) -> None:
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "100"]
    with run_namespaced(tmp_path, "plain", argv) as inner:
        daemon = ContainerDaemon([FakeContainer(name="plain", inner=inner)], refuses_exec=True)
        engine = ContainerEngine(runtime="docker", title="Docker", sockets=(str(tmp_path / "s"),), wake="")
        host = LocalTransport()

        async def changed() -> bool:
            return "65534" in (await host.read(f"/proc/{inner.pid}/status")).decode().partition("Uid:")[2][:30]

        await eventually_async(changed, what="the container's user")
        async with daemon.listen(tmp_path / "s"):
            inside = await open_container(host, "plain", engines=(engine,))
            ran = await inside.run(["sh", "-c", "id -u; hostname; printenv HOME; grep CapEff /proc/self/status"])
        await host.close()
    assert ran.text.split() == ["65534", "plain", "CapEff:", "0000000000000000"]


@namespaces
async def test_a_container_that_ends_is_unreachable_from_then_on(scene: Scene) -> None:
    inside = await scene.open()
    assert await inside.read("/etc/secret")
    scene.inner.end()
    with pytest.raises(Unreachable, match="llm has ended"):
        await inside.read("/etc/secret")
    with pytest.raises(Unreachable, match="llm has ended"):
        await inside.run(["hostname"])
    with pytest.raises(Unreachable, match="llm has ended"):
        await inside.connect("127.0.0.1", 8099)


@namespaces
async def test_a_stopped_one_an_unknown_one_and_no_engine_are_named(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(
        NotThere, match=r"container old does not run: it is exited \(last exit code 3\).*docker start old"
    ):
        await scene.open("old")
    with pytest.raises(NotThere, match="no container is called gone"):
        await scene.open("gone")
    nobody = ContainerEngine(runtime="docker", title="Docker", sockets=("/nonexistent.sock",), wake="start docker")
    with pytest.raises(NotThere, match=r"no container engine listens here.*start docker"):
        await open_container(scene.host, "llm", engines=(nobody,))
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(dead))
    silent = ContainerEngine(runtime="docker", title="Docker", sockets=(str(dead),), wake="")
    with pytest.raises(Unreachable, match="refused"):
        await open_container(scene.host, "llm", engines=(silent,))


#: Run as a user who is not root: everything must go through the engine.
AS_USER = """
import asyncio, json, os, sys
import httpx2
from keepwell.core.errors import AccessError
from keepwell.transport.container.way import open_container
from keepwell.transport.container.files import ExecutedFiles
from keepwell.transport.container.sockets import ContainerEngine
from keepwell.transport.local import LocalTransport

async def main():
    engine = ContainerEngine(runtime="docker", title="Docker", sockets=(sys.argv[1],), wake="")
    host = LocalTransport()
    told = {}
    try:
        inside = await open_container(host, "llm", engines=(engine,))
        told["read"] = (await inside.read("/data/up")).decode()
        told["part"] = (await inside.read("/data/big", offset=8990, max_bytes=4)).decode()
        told["list"] = await inside.list("/data")
        told["link"] = await inside.link("/folder")
        told["kind"] = (await inside.stat("/folder", follow=False)).kind
        told["shm"] = (await inside.space("/dev/shm")).total_bytes
        told["name"] = (await inside.run(["hostname"])).text.strip()
        told["http"] = (await inside.http("GET", "http://localhost:8099/")).body.decode()
        try:
            await inside.read("/data/shadow")
        except AccessError as error:
            told["shadow"] = type(error).__name__
    except AccessError as error:
        told["error"] = str(error)
    await host.close()
    print(json.dumps(told))

# Another user may not read the interpreter's own files, so all is imported before; httpx loads some at its first use.
httpx2.AsyncHTTPTransport(uds="/nowhere")
asyncio.run(LocalTransport().close())
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
asyncio.run(main())
"""


async def _as_user(path: Path) -> dict[str, object]:
    """What a user who is not root finds; the daemon answers meanwhile."""
    ran = await asyncio.create_subprocess_exec(sys.executable, "-c", AS_USER, str(path), stdout=-1, stderr=-1)
    out, err = await ran.communicate()
    assert out, err.decode()
    found: dict[str, object] = json.loads(out)
    return found


@namespaces
async def test_a_user_without_root_goes_through_the_engine(scene: Scene) -> None:
    refused = await _as_user(scene.socket)
    assert "Permission denied" in str(refused["error"])
    assert "Docker's socket" in str(refused["error"])
    scene.socket.chmod(0o666)
    inside = await scene.open()
    await eventually_async(lambda: _answers(inside), what="the server inside")
    assert await _as_user(scene.socket) == {
        "read": "of the container",
        "part": "xxxx",
        "list": ["big", "loop", "out", "shadow", "up"],
        "link": "/data",
        "kind": "link",
        "shm": 1 << 20,
        "name": "llm",
        "http": "inside",
        "shadow": "NotThere",
    }


async def _answers(inside: ContainerTransport) -> bool:
    try:
        await inside.connect("127.0.0.1", 8099)
    except Unreachable:
        return False
    return True


async def test_sockets_are_found_by_the_table_once_each() -> None:
    node = RecordedNode()
    for path in ("/run/docker.sock", "/run/user/1000/podman/podman.sock", "/run/user/997/podman/podman.sock"):
        node.files.put(path, TapeFile(kind="socket", inode=len(path)))
    node.files.put("/var/run/docker.sock", TapeFile(kind="socket", inode=len("/run/docker.sock")))
    node.files.put("/run/user/1000/docker.sock", "no socket")
    found = await find_sockets(node, CONTAINER_ENGINES)
    assert [(one.engine.runtime, one.path) for one in found] == [
        ("docker", "/run/docker.sock"),
        ("podman", "/run/user/1000/podman/podman.sock"),
        ("podman", "/run/user/997/podman/podman.sock"),
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"State": 1}', b"{" * 5000, b'{"State": {"Pid": "x"}}'])
async def test_answers_of_another_shape_are_errors_with_a_name(body: bytes) -> None:
    node = RecordedNode()
    node.files.put("/run/docker.sock", TapeFile(kind="socket"))
    node.reply("GET", unix_url("/run/docker.sock", "/containers/llm/json"), body.decode())
    with pytest.raises(AccessError):
        await open_container(node, "llm")


async def test_a_socket_that_is_not_there_or_not_ours_is_told_as_that(tmp_path: Path) -> None:
    host = LocalTransport()
    with pytest.raises(NotThere, match="nothing"):
        await host.http("GET", unix_url(str(tmp_path / "nothing"), "/x"))
    with pytest.raises(Unreachable):
        await host.http("GET", f"http://127.0.0.1:{free_port()}/")
    await host.close()


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=6), st.integers(0, 60))
def test_frames_are_split_and_a_cut_one_keeps_what_is_there(frames: list[tuple[int, bytes]], cut: int) -> None:
    body = b"".join(bytes([kind, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for kind, text in frames)
    whole = {kind: b"".join(text for one, text in frames if one == kind) for kind in (1, 2)}
    assert split_frames(body) == (whole[1], whole[2])
    if cut >= 8:
        stdout, stderr = split_frames(body[:cut])
        assert whole[1].startswith(stdout)
        assert whole[2].startswith(stderr)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_split(body: bytes) -> None:
    stdout, stderr = split_frames(body)
    assert len(stdout) + len(stderr) <= max(len(body), 1)


def test_the_table_names_root_and_user_services() -> None:
    paths = [path for engine in CONTAINER_ENGINES for path in engine.sockets]
    assert any("*" in path for path in paths)
    assert all(path.startswith("/") for path in paths)


@namespaces
async def test_it_stands_on_a_far_transport_too(scene: Scene, tmp_path: Path) -> None:
    identity = make_identity(tmp_path / "agent", "far", time.time())
    server = AgentServer(identity, changes=True, tell=print)
    async with server.listen("127.0.0.1", 0) as port:
        entry = NodeEntry(name="far", address="127.0.0.1", port=port, fingerprint=find_fingerprint(identity))
        far = await open_agent(entry, identity.token)
        inside = await open_container(far, "llm", engines=scene.engines)
        await eventually_async(lambda: _answers(inside), what="the server inside")
        assert await inside.read("/data/up") == b"of the container"
        assert (await inside.run(["hostname"])).text.strip() == "llm"
        assert (await inside.http("GET", "http://own-name:8099/")).body == b"inside"
        with pytest.raises(NotThere):
            await inside.read("/data/shadow")
        with pytest.raises(NotThere, match="no container is called gone"):
            await open_container(far, "gone", engines=scene.engines)
        await far.close()


async def test_an_image_without_programs_still_gives_its_files() -> None:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as archive:
        row = tarfile.TarInfo("file")
        row.size = 10
        archive.addfile(row, io.BytesIO(b"0123456789"))

    async def execute(argv: Sequence[str], max_bytes: int) -> Ran:
        raise NotThere("no such program in container", command=argv[0])

    async def copy(path: str, max_bytes: int) -> bytes:
        return {"/file": kept.getvalue(), "/broken": b"no archive"}.get(path, b"")

    files = ExecutedFiles(execute, copy)
    assert await files.read("/file", offset=2, max_bytes=3) == b"234"
    for path in ("/broken", "/empty"):
        with pytest.raises(AccessError, match=path):
            await files.read(path, offset=0, max_bytes=10)
    with pytest.raises(NotThere, match="no such program"):
        await files.stat("/file", follow=True)


@namespaces
@pytest.mark.parametrize(
    "holds", [reads_bytes, refuses_to_read_what_is_no_file, stats_each_kind, lists_and_follows, measures_room]
)
async def test_files_inside_keep_the_contract(holds: Reading, tmp_path: Path) -> None:
    with run_namespaced(tmp_path, "llm", ["sleep", "100"]) as inner:
        (inner.root / "world").mkdir()
        build_world(inner.root / "world")
        os.mknod(inner.root / "dev" / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        world = World(folder="/world", url="", port=0, closed_port=0)
        engine = ContainerEngine(runtime="docker", title="Docker", sockets=(str(tmp_path / "s"),), wake="")
        host = LocalTransport()
        async with ContainerDaemon([FakeContainer(name="llm", inner=inner)]).listen(tmp_path / "s"):
            inside = await open_container(host, "llm", engines=(engine,))
            await holds(inside, world)
            recording = Recording(host)  # holds nothing open, so that paths are walked by calls
            await holds(await open_container(recording, "llm", engines=(engine,)), world)
        await host.close()
