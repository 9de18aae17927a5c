"""A node over SSH, with a real server on loopback: the contract of a transport, sizes, numbers, both directions."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keepwell.core.errors import NotPermitted, NotThere, TimedOut, TooLarge
from keepwell.testing.relay import relay_to
from keepwell.testing.sshd import Sshd, find_sshd, run_sshd
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
from keepwell.testing.waiting import eventually
from keepwell.transport.base import Hands
from keepwell.transport.ssh.way import SshTransport, open_ssh
from tests.support import free_port

pytestmark = pytest.mark.skipif(not find_sshd(), reason="no sshd here")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
async def hands(sshd: Sshd) -> AsyncIterator[SshTransport]:
    transport = await open_ssh(sshd.node(), changes=True)
    yield transport
    await transport.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    build_world(tmp_path)
    async with serve_world(tmp_path, free_port()) as made:
        yield made


@pytest.mark.parametrize("holds", READING)
async def test_reads_as_any_transport(holds: Reading, hands: SshTransport, world: World) -> None:
    assert isinstance(hands, Hands)
    await holds(hands, world)


@pytest.mark.parametrize("holds", [*CHANGING, *EXACT])
async def test_changes_as_any_hands(holds: Changing | Exact, hands: SshTransport, world: World) -> None:
    await holds(hands, world)


async def test_without_changes_nothing_is_written(sshd: Sshd, tmp_path: Path) -> None:
    transport = await open_ssh(sshd.node())
    try:
        with pytest.raises(NotPermitted, match="looking only"):
            await transport.write(str(tmp_path / "file"), b"x")
        with pytest.raises(NotPermitted, match="looking only"):
            await transport.remove("/etc/hostname")
    finally:
        await transport.close()
    assert not list(tmp_path.iterdir())


async def test_a_big_file_both_ways(hands: SshTransport, tmp_path: Path) -> None:
    content = os.urandom(1024 * 1024) * 24
    path = str(tmp_path / "big")
    await hands.write(path, content)
    got = await hands.read(path, max_bytes=len(content) + 1)
    assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest()
    assert await hands.read(path, offset=5, max_bytes=3_000_000) == content[5:3_000_005]


async def test_binary_through_a_command(hands: SshTransport) -> None:
    content = bytes(range(256)) * 4000
    ran = await hands.run(["cat"], stdin=content)
    assert ran.stdout == content
    both = await hands.run([sys.executable, "-c", "import os; os.write(1, b'\\0' * 9); os.write(2, b'\\xff\\0')"])
    assert (both.stdout, both.stderr) == (bytes(9), b"\xff\0")


async def test_two_hundred_calls_at_once(hands: SshTransport, tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / str(number)).write_bytes(b"%d" % number * 1000)
    reads = [hands.read(str(tmp_path / str(number))) for number in range(100)]
    runs = [hands.run(["echo", str(number)]) for number in range(100)]
    got = await asyncio.gather(*reads)
    said = await asyncio.gather(*runs)
    assert got == [b"%d" % number * 1000 for number in range(100)]
    assert [one.text for one in said] == [f"{number}\n" for number in range(100)]


async def test_commands_run_side_by_side(hands: SshTransport) -> None:
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(hands.run(["sleep", "0.5"]) for _ in range(20)))
    assert asyncio.get_running_loop().time() - started < 5


async def test_names_that_are_not_text(hands: SshTransport, tmp_path: Path) -> None:
    strange = os.fsencode(tmp_path) + b"/caf\xe9 \n\xff"
    with open(strange, "wb") as out:
        out.write(b"here")
    names = await hands.list(str(tmp_path))
    assert [os.fsencode(name) for name in names] == [b"caf\xe9 \n\xff"]
    assert await hands.read(f"{tmp_path}/{names[0]}") == b"here"
    assert (await hands.run(["cat", f"{tmp_path}/{names[0]}"])).stdout == b"here"


async def test_arguments_meet_no_shell(hands: SshTransport) -> None:
    arguments = ["$(id)", "`id`", "a'b\"c", "*", "\\n", "!!", "x;y", "\n"]
    ran = await hands.run([sys.executable, "-c", "import sys; print(sys.argv[1:])", *arguments])
    assert ran.text.strip() == str(arguments)


async def test_a_cancelled_command_ends_there(hands: SshTransport, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    task = asyncio.create_task(hands.run(["sh", "-c", 'echo $$ > "$0"; exec sleep 60', str(mark)], timeout_seconds=60))
    while not (mark.exists() and mark.read_text()):
        await asyncio.sleep(0)
    number = mark.read_text().strip()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    eventually(lambda: not Path(f"/proc/{number}").exists(), what="the command has ended")


async def test_closing_ends_what_runs_there(sshd: Sshd, tmp_path: Path) -> None:
    transport = await open_ssh(sshd.node())
    mark = tmp_path / "pid"
    command = ["sh", "-c", 'sh -c \'echo $PPID $$ > "$0"; sleep 60\' "$0"; true', str(mark)]
    task = asyncio.create_task(transport.run(command, timeout_seconds=60))
    while not (mark.exists() and mark.read_text().endswith("\n")):
        await asyncio.sleep(0)
    far_end = int((await transport.run(["sh", "-c", "echo $PPID"])).text)
    numbers = [*mark.read_text().split(), str(far_end)]
    await transport.close()
    with pytest.raises(Exception, match="closed"):
        await task
    eventually(lambda: not any(Path(f"/proc/{one}").exists() for one in numbers), what="all have ended")


async def test_limits_name_the_command(hands: SshTransport) -> None:
    with pytest.raises(TooLarge, match="yes"):
        await hands.run(["yes"], max_bytes=10_000)
    with pytest.raises(TooLarge, match="in one call"):
        await hands.write("/nowhere", bytes(65 * 1024 * 1024))
    with pytest.raises(NotThere, match="/no/such"):
        await hands.run(["/no/such", "--api-key", "secret-word"])
    with pytest.raises(TimedOut, match="sleep 9"):
        await hands.run(["sleep", "9"], timeout_seconds=0.2)


async def test_a_login_shell_that_talks(sshd: Sshd, tmp_path: Path) -> None:
    talking = 'ForceCommand sh -c "echo Welcome to $HOSTNAME; echo again >&2; $SSH_ORIGINAL_COMMAND"'
    eval_it = talking.replace("$SSH_ORIGINAL_COMMAND", 'eval \\"$SSH_ORIGINAL_COMMAND\\"')
    with run_sshd(tmp_path / "talking", more=eval_it) as server:
        transport = await open_ssh(server.node())
        assert (await transport.read("/proc/version")).startswith(b"Linux")
        await transport.close()


async def test_a_slow_and_narrow_link(sshd: Sshd) -> None:
    async with relay_to(sshd.port) as relay:
        relay.delay_seconds = 0.05
        relay.bytes_per_second = 400_000
        transport = await open_ssh(sshd.node(port=relay.port))
        started = asyncio.get_running_loop().time()
        got = await asyncio.gather(*(transport.read("/proc/meminfo") for _ in range(40)))
        assert asyncio.get_running_loop().time() - started < 3
        assert all(b"MemTotal" in one for one in got)
        await transport.close()
