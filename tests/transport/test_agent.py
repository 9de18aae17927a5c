"""The agent and its callers, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.app.agent_identity import find_fingerprint, load_identity, make_identity
from keepwell.config.model import NodeEntry
from keepwell.core.errors import AccessError, NotPermitted, NotThere, Unreachable
from keepwell.core.observation import Missing
from keepwell.survey.survey import survey
from keepwell.testing.transport_contract import (
    CHANGING,
    EXACT,
    READING,
    Changing,
    Exact,
    Reading,
    World,
    build_world,
    serve_world,
)
from keepwell.transport.agent.limits import may_ask, may_run
from keepwell.transport.agent.server import (
    SHUT_SECONDS,
    SILENCE_SECONDS,
    WRONG_TOKENS,
    AgentLimits,
    AgentServer,
    Guard,
    Identity,
    make_context,
    patience,
)
from keepwell.transport.agent.way import open_agent
from keepwell.transport.agent.words import parse_hello, render_hello
from keepwell.transport.base import ExactHands
from keepwell.transport.clock import SystemClock
from keepwell.transport.container.asker import program_text
from keepwell.transport.far.client import FarTransport
from keepwell.transport.recorded.record import Recording
from keepwell.transport.recorded.tape import Refusal
from keepwell.transport.wire import render_frame
from tests.support import eventually_async, free_port

QUICK = AgentLimits(handshake_seconds=0.5, greeting_seconds=0.5, wrong_seconds=0.01)


@dataclass
class Scene:
    """An agent that serves, what it said, and how to reach it."""

    identity: Identity
    server: AgentServer
    port: int
    fingerprint: str
    said: list[str] = field(default_factory=list)

    def node(self) -> NodeEntry:
        return entry(self.port, self.fingerprint)

    async def open(self) -> FarTransport:
        return await open_agent(self.node(), self.identity.token)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection with the handshake done and nothing said."""
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting())

    async def is_well(self) -> None:
        """It still answers somebody who knows the token."""
        far = await self.open()
        assert await far.stat("/")
        await far.close()


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("one") / "agent", "far", time.time())


@asynccontextmanager
async def serving(identity: Identity, *, changes: bool = False, limits: AgentLimits = QUICK) -> AsyncIterator[Scene]:
    said: list[str] = []
    server = AgentServer(identity, changes=changes, tell=said.append, limits=limits)
    async with server.listen("127.0.0.1", 0) as port:
        yield Scene(identity, server, port, find_fingerprint(identity), said)


@pytest.fixture
async def scene(identity: Identity) -> AsyncIterator[Scene]:
    async with serving(identity) as made:
        yield made


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    build_world(tmp_path)
    async with serve_world(tmp_path, free_port()) as made:
        yield made


@pytest.mark.parametrize("holds", [*READING, *CHANGING, *EXACT])
async def test_one_that_may_change_keeps_the_contract(
    holds: Reading | Changing | Exact, identity: Identity, world: World
) -> None:
    async with serving(identity, changes=True) as scene:
        far = await scene.open()
        assert isinstance(far, ExactHands)
        await holds(far, world)
        await far.close()


async def test_one_that_looks_reads_and_changes_nothing(scene: Scene, world: World) -> None:
    far = await scene.open()
    assert await far.read(world.path("plain")) == b"0123456789"
    assert (await far.run(["uname", "-srm"])).code == 0
    assert (await far.http("GET", f"{world.url}/ok")).status == 200
    refused: tuple[Awaitable[object], ...] = (
        far.write(world.path("plain"), b"x"),
        far.set_mode(world.path("plain"), 0o777),
        far.set_owner(world.path("plain"), 1, 1),
        far.remove(world.path("plain")),
        far.run(["rm", world.path("plain")]),
        far.run(["sh", "-c", "true"]),
        far.http("DELETE", f"{world.url}/ok"),
        far.http("POST", f"{world.url}/api/delete", body=b"{}"),
    )
    for call in refused:
        with pytest.raises(NotPermitted, match="looking only"):
            await call
    assert await far.read(world.path("plain")) == b"0123456789"
    await far.close()


def hear_nothing(count: int) -> None:
    """Hears nothing."""


async def test_one_that_looks_hands_out_no_keys_and_passwords(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_text("a key")
    (tmp_path / "harmless").symlink_to(".ssh/id_ed25519")
    (tmp_path / "open").write_text("no key")
    far = await scene.open()
    assert await far.read(str(tmp_path / "open")) == b"no key"
    own = scene.identity.key.parent
    private = [f"{own}/key.pem", f"{own}/../{own.name}/token", f"{tmp_path}/.ssh/id_ed25519", f"{tmp_path}/harmless"]
    for path in [*private, "/etc/shadow", "/proc/self/root/etc/shadow", "/proc/self/mem"]:
        with pytest.raises(NotPermitted, match="does not hand out keys and passwords"):
            await far.read(path)
        with pytest.raises(NotPermitted, match="does not hand out keys and passwords"):
            await far.entry(path)
        with pytest.raises(NotPermitted, match="does not hand out keys and passwords"):
            await far.digest(path, "sha256", timeout_seconds=5.0, tell=hear_nothing)
    assert (await far.stat("/etc/shadow")).kind == "file"
    await far.close()


async def test_a_survey_needs_no_command_that_is_refused(scene: Scene) -> None:
    far = await scene.open()
    recording = Recording(far)
    result = await survey(recording, SystemClock(), level=2)
    tape = recording.tape(0.0)
    await far.close()
    told = [(argv, one.what) for argv, one in tape.commands.items() if isinstance(one, Refusal)]
    told += [((one.method, one.url), one.answer.what) for one in tape.exchanges if isinstance(one.answer, Refusal)]
    assert [argv for argv, what in told if "looking only" in what] == []
    assert len(tape.commands) > 5
    (system,) = result.seen.named("host.system")
    assert not isinstance(system.value, Missing)


async def test_another_certificate_shows_both_and_no_token_is_sent(identity: Identity, tmp_path: Path) -> None:
    other = make_identity(tmp_path / "agent", "other", time.time())
    got = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.read(1000))
        writer.close()

    async with answering(listen, other) as port:
        with pytest.raises(NotPermitted) as error:
            await open_agent(entry(port, find_fingerprint(identity)), identity.token)
    assert find_fingerprint(identity) in str(error.value)
    assert find_fingerprint(other) in str(error.value)
    assert "No token was sent" in str(error.value)
    assert bytes(got) == b""


async def test_a_wrong_token_is_refused_and_many_shut_the_address_out(scene: Scene) -> None:
    for _ in range(WRONG_TOKENS):
        with pytest.raises(NotPermitted, match="refuses the token"):
            await open_agent(scene.node(), "wrong-token-0123456789")
    with pytest.raises(NotPermitted, match="does not listen to this machine for a minute"):
        await scene.open()
    assert len(scene.said) == 2
    assert "wrong token" in scene.said[-1]
    told = " ".join(scene.said) + repr(scene.identity)
    assert scene.identity.token not in told
    assert "wrong-token-0123456789" not in told


def test_the_guard_forgets_in_time_and_is_bounded() -> None:
    now = [0.0]
    guard = Guard(lambda: now[0])
    for _ in range(WRONG_TOKENS):
        assert not guard.is_shut("a")
        guard.count("a")
    assert guard.is_shut("a")
    assert not guard.is_shut("b")
    now[0] = SHUT_SECONDS + 1
    assert not guard.is_shut("a")
    for number in range(3000):
        guard.count(str(number))
    assert len(guard._wrong) <= 1024


async def test_nobody_there_no_fingerprint_and_no_token_are_told(scene: Scene) -> None:
    with pytest.raises(Unreachable, match=r"ECONNREFUSED.*systemctl status keepwell-agent"):
        await open_agent(entry(free_port(), scene.fingerprint), "x")
    with pytest.raises(NotPermitted, match="no fingerprint is pinned"):
        await open_agent(entry(scene.port, ""), "x")
    for token in ("", "two words", "ümlaut"):
        with pytest.raises(NotPermitted, match="no usable token"):
            await open_agent(scene.node(), token)


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer, identity: Identity | None) -> AsyncIterator[int]:
    """A server of somebody else, in TLS with this identity or without."""
    context = None
    if identity is not None:
        context = make_context(identity)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def entry(port: int, fingerprint: str) -> NodeEntry:
    return NodeEntry(name="far", address="127.0.0.1", reach="agent", port=port, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no keepwell agent; it said: HTTP/1.1 400"),
        (b"", "no keepwell agent; it hung up"),
        (b"\x1b[31m" * 300, "no keepwell agent; it said: "),
        (b"keepwell agent 2 ok\n", "speaks version 2 of its protocol, this keepwell speaks 1"),
        (b"keepwell agent 1 no version\n", "same release"),
        (b"keepwell agent 1 no token\n", "refuses the token"),
        (b"keepwell agent 1 ok\nno far end follows", "lost"),
    ],
)
async def test_what_else_may_answer_in_tls_is_told(identity: Identity, words: bytes, told: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(words)
        writer.close()

    async with answering(answer, identity) as port:
        with pytest.raises(AccessError) as error:
            await open_agent(entry(port, find_fingerprint(identity)), identity.token)
    assert told in str(error.value)
    assert "\x1b" not in str(error.value)
    assert identity.token not in str(error.value)


async def test_a_server_without_tls_is_told(identity: Identity) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9\r\n")
        await reader.read(10)
        writer.close()

    async with answering(answer, None) as port:
        with pytest.raises(Unreachable, match=r"does not speak TLS 1\.3"):
            await open_agent(entry(port, find_fingerprint(identity)), identity.token)


async def test_a_caller_of_another_version_is_told_the_agents(scene: Scene) -> None:
    reader, writer = await scene.raw()
    writer.write(render_hello(scene.identity.token).replace(b"agent 1", b"agent 2"))
    assert await reader.read() == b"keepwell agent 1 no version\n"
    writer.close()


GARBAGE = [
    b"",
    b"\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"keepwell agent 1\n",
    b"keepwell agent -1 x\n",
    b"keepwell agent 99999999999999999999 x\n",
    b"\xff" * 100_000,
    b"a" * 70_000 + b"\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_before_the_token_ends_the_connection(scene: Scene, garbage: bytes) -> None:
    reader, writer = await scene.raw()
    writer.write(garbage)
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) in (b"", b"keepwell agent 1 no token\n")
    writer.close()
    await scene.is_well()


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.0\r\n\r\n", os.urandom(4000)], ids=range(3)
)
async def test_garbage_without_tls_ends_the_connection(scene: Scene, garbage: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.port)
    writer.write(garbage)
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await scene.is_well()


BROKEN = [
    b"\xff" * 8,
    b"\0" * 100,
    b"\0\0\0\x02\0\0\0\0{}",
    b"\0\0\0\x04\0\0\0\0nope",
    render_frame({"id": "x", "call": 1, "args": []}),
    render_frame({"id": 1, "call": "no such call", "args": {}}) + b"\xff" * 8,
    (16).to_bytes(4, "big") + (60_000_000).to_bytes(4, "big") + b"x" * (17 * 1024 * 1024),
]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
async def test_what_is_no_call_ends_the_connection(scene: Scene, broken: bytes) -> None:
    reader, writer = await scene.raw()
    writer.write(render_hello(scene.identity.token) + broken)
    with suppress(ConnectionError):
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"keepwell agent 1 ok\n")
    writer.close()
    await eventually_async(lambda: _idle(scene), what="the connection to be gone")
    await scene.is_well()


async def _idle(scene: Scene) -> bool:
    return scene.server.connections == 0


async def test_slow_callers_are_cut_and_hold_nobody_up(identity: Identity) -> None:
    limits = AgentLimits(connections=20, handshake_seconds=0.6, greeting_seconds=0.6)
    async with serving(identity, limits=limits) as scene:
        silent = [await asyncio.open_connection("127.0.0.1", scene.port) for _ in range(6)]
        slow = [await scene.raw() for _ in range(6)]
        for _, writer in slow:
            writer.write(b"keep")
        await scene.is_well()
        began = time.monotonic()
        await asyncio.gather(*(reader.read() for reader, _ in [*silent, *slow]), return_exceptions=True)
        assert time.monotonic() - began < 5
        for _, writer in [*silent, *slow]:
            writer.close()
        await eventually_async(lambda: _idle(scene), what="all of them to be gone")


async def test_more_than_its_limit_are_turned_away_and_the_others_stay(identity: Identity) -> None:
    async with serving(identity, limits=AgentLimits(connections=3)) as scene:
        kept = [await scene.open() for _ in range(3)]
        with pytest.raises(AccessError):
            await scene.open()
        assert [one.kind for one in await asyncio.gather(*(far.stat("/") for far in kept))] == ["directory"] * 3
        await kept[0].close()
        await eventually_async(lambda: _fewer(scene, 3), what="room")
        await scene.is_well()
        for one in kept:
            await one.close()


async def _fewer(scene: Scene, number: int) -> bool:
    return scene.server.connections < number


async def test_fifty_callers_at_once(scene: Scene, world: World) -> None:
    async def call() -> bytes:
        far = await scene.open()
        try:
            parts = await asyncio.gather(*(far.read(world.path("bytes")) for _ in range(4)))
            return parts[0]
        finally:
            await far.close()

    assert await asyncio.gather(*(call() for _ in range(50))) == [bytes(range(256))] * 50


async def test_a_caller_that_is_cut_leaves_nothing_running(identity: Identity) -> None:
    async with serving(identity, changes=True) as scene:
        far = await scene.open()
        call = asyncio.create_task(far.run(["sleep", "5813"], timeout_seconds=60))
        await eventually_async(lambda: _runs("sleep 5813"), what="the command")
        await far.close()
        with pytest.raises(Unreachable):
            await call
        await eventually_async(lambda: _ended("sleep 5813"), what="the command to be gone")
        await scene.is_well()


async def _runs(line: str) -> bool:
    ran = await asyncio.create_subprocess_exec("pgrep", "-f", f"^{line}$", stdout=asyncio.subprocess.DEVNULL)
    return await ran.wait() == 0


async def _ended(line: str) -> bool:
    return not await _runs(line)


async def test_an_agent_that_ends_is_told_to_who_waits(identity: Identity) -> None:
    async with serving(identity, changes=True) as scene:
        far = await scene.open()
        call = asyncio.create_task(far.run(["sleep", "5814"], timeout_seconds=60))
        await eventually_async(lambda: _runs("sleep 5814"), what="the command")
    with pytest.raises(Unreachable, match="connection to the agent was lost"):
        await call
    with pytest.raises(AccessError):
        await far.stat("/")
    await far.close()
    await eventually_async(lambda: _ended("sleep 5814"), what="the command to be gone")


async def test_a_silent_caller_is_cut_when_it_said_it_would_speak(scene: Scene) -> None:
    reader, writer = await scene.raw()
    ping = render_frame({"id": 1, "call": "ping", "args": {"silence_seconds": 0.3}})
    writer.write(render_hello(scene.identity.token) + ping)
    assert b'"id":1' in await asyncio.wait_for(reader.read(), 10)
    writer.close()


@pytest.mark.parametrize("wished", [float("nan"), float("inf"), -1.0, 0.0, 1e9])
def test_no_caller_can_be_silent_for_ever(wished: float) -> None:
    assert patience(wished) == SILENCE_SECONDS
    assert patience(7.5) == 7.5


async def test_an_address_of_ipv6_is_understood(identity: Identity) -> None:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = AgentServer(identity, changes=False, tell=print)
    async with server.listen("::1", 0) as port:
        far = await open_agent(replace(entry(port, find_fingerprint(identity)), address="::1"), identity.token)
        assert await far.stat("/")
        await far.close()


async def test_names_that_mean_nothing_are_told(identity: Identity) -> None:
    for address, told in (("no-such-name.invalid", "not known"), ("a" * 80 + ".x", "agent|usable")):
        with pytest.raises(Unreachable, match=told):
            await open_agent(replace(entry(1, find_fingerprint(identity)), address=address), identity.token)


async def test_a_port_that_is_taken_is_told(scene: Scene) -> None:
    with pytest.raises(AccessError, match=r"EADDRINUSE.*ss -ltnp"):
        async with scene.server.listen("127.0.0.1", scene.port):
            pass


@pytest.mark.parametrize(
    ("argv", "allowed"),
    [
        (["docker", "ps", "-aq"], True),
        (["docker", "run", "x"], False),
        (["docker", "-H", "tcp://x", "ps"], False),
        (["systemctl", "--user", "show", "x"], True),
        (["systemctl", "stop", "x"], False),
        (["journalctl", "-b"], True),
        (["journalctl", "--vacuum-size=1"], False),
        (["dmesg"], True),
        (["dmesg", "-C"], False),
        (["date", "+%z"], True),
        (["date", "-s", "x"], False),
        (["find", "/proc", "-lname", "x", "-printf", "%U"], True),
        (["find", "/proc", "-delete"], False),
        (["find", "/etc"], False),
        (["nvidia-smi", "--query-gpu=name"], True),
        (["nvidia-smi", "-r"], False),
        (["/sbin/ldconfig", "-p"], True),
        (["/tmp/ldconfig", "-p"], False),
        (["ip", "-j", "address"], True),
        (["ip", "address", "a", "10.0.0.1", "dev", "lo"], False),
        (["ip", "netns", "exec", "x", "sh"], False),
        (["ethtool", "eth0"], True),
        (["ethtool", "-s", "eth0"], False),
        (["sh", "-c", "id"], False),
        (["env", "x"], False),
        ([], False),
        ([""], False),
        (["nsenter", "-t", "5", "-n", "--", "python3", "-I", "-c", program_text(), "{}"], True),
        (["nsenter", "-t", "5", "-n", "--", "python3", "-I", "-c", "import os"], False),
        (["nsenter", "-t", "x", "-n", "--", "python3", "-I", "-c", program_text()], False),
        (["nsenter", "-t", "1", "-m", "--", "sh"], False),
    ],
)
def test_commands_are_held_to_the_list(argv: list[str], allowed: bool) -> None:
    assert may_run(argv) is allowed


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("GET", "http://x/api/tags", True),
        ("post", "http://x/v1/chat/completions", True),
        ("POST", "http://x/api/pull", False),
        ("POST", "http+unix://%2Frun%2Fdocker.sock/api/chat", False),
        ("DELETE", "http://x/v1/chat/completions", False),
        ("POST", "http://[bad/", False),
    ],
)
def test_requests_are_held_to_those_that_read(method: str, url: str, allowed: bool) -> None:
    assert may_ask(method, url) is allowed


@given(st.binary(max_size=80) | st.from_regex(rb"keepwell agent \d{1,8} \w{1,20}( \w+)?\n", fullmatch=True))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_first_line_can_be_read(line: bytes) -> None:
    found = parse_hello(line)
    assert found is None or (found.version >= 0 and found.words)


def test_files_that_others_can_read_and_missing_ones_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="keepwell agent --init"):
        load_identity(tmp_path / "agent")
    made = make_identity(tmp_path / "agent", "x", time.time())
    assert re.fullmatch(r"[0-9a-f]{64}", find_fingerprint(made))
    (tmp_path / "agent" / "token").chmod(0o644)
    with pytest.raises(NotPermitted, match="0644"):
        load_identity(tmp_path / "agent")
