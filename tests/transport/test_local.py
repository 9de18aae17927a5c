"""What the local machine does beyond the contract: groups are ended, proxies passed by, writes durable."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut, TooLarge, Unreachable
from keepwell.testing.transport_contract import serve_world
from keepwell.testing.waiting import eventually
from keepwell.transport.local import LocalTransport, local_name
from tests.support import free_port


@pytest.fixture
async def local() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport()
    yield transport
    await transport.close()


def _sleeps(folder: Path) -> list[str]:
    """A command whose child outlives it unless the group is killed; the child writes its id to `pid`."""
    return ["sh", "-c", f"sh -c 'echo $$ > {shlex.quote(str(folder / 'pid'))}; exec sleep 60' & wait"]


def _alive(folder: Path) -> bool:
    number = (folder / "pid").read_text().strip()
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


async def test_time_limit_ends_the_whole_group(local: LocalTransport, tmp_path: Path) -> None:
    with pytest.raises(TimedOut, match="within"):
        await local.run(_sleeps(tmp_path), timeout_seconds=0.5)
    eventually(lambda: not _alive(tmp_path))


async def test_cancel_ends_the_whole_group(local: LocalTransport, tmp_path: Path) -> None:
    task = asyncio.create_task(local.run(_sleeps(tmp_path), timeout_seconds=60))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        await asyncio.sleep(0.01)
    assert _alive(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    eventually(lambda: not _alive(tmp_path))


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancel_while_it_starts_ends_the_whole_group(local: LocalTransport, turns: int) -> None:
    mark = f"61.{os.getpid()}{turns}{secrets.randbelow(10**9):09}"
    task = asyncio.create_task(local.run(["sh", "-c", f"sleep {mark} & wait"], timeout_seconds=60))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    eventually(lambda: not _find_processes(mark))


def _find_processes(mark: str) -> list[str]:
    """Processes with this text in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


async def test_size_limit_ends_the_command_early(local: LocalTransport) -> None:
    started = asyncio.get_running_loop().time()
    with pytest.raises(TooLarge):
        await local.run(["sh", "-c", "yes & sleep 60"], max_bytes=10_000, timeout_seconds=30)
    assert asyncio.get_running_loop().time() - started < 10


async def test_output_up_to_the_limit_is_whole(local: LocalTransport) -> None:
    ran = await local.run([sys.executable, "-c", "print('x' * 999_999)"], max_bytes=1_000_000)
    assert len(ran.stdout) == 1_000_000


async def test_a_server_left_running_does_not_hold_the_answer(local: LocalTransport, tmp_path: Path) -> None:
    command = ["sh", "-c", f"sleep 60 & echo $! > {shlex.quote(str(tmp_path / 'pid'))}; echo started"]
    ran = await local.run(command, timeout_seconds=30)
    assert (ran.code, ran.stdout) == (0, b"started\n")
    assert ran.seconds < 10
    assert _alive(tmp_path)
    os.kill(int((tmp_path / "pid").read_text()), 9)


async def test_input_that_nobody_reads_is_no_error(local: LocalTransport) -> None:
    ran = await local.run(["true"], stdin=b"x" * 1_000_000)
    assert ran.code == 0


async def test_a_file_that_cannot_run_is_told(local: LocalTransport, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo no\n")
    with pytest.raises(NotPermitted, match="script"):
        await local.run([str(script)])


async def test_errors_show_no_secrets(local: LocalTransport) -> None:
    with pytest.raises(NotThere) as caught:
        await local.run(["/no/engine", "--api-key", "very-secret", "HF_TOKEN=very-secret"])
    assert "very-secret" not in str(caught.value)
    with pytest.raises(Unreachable) as refused:
        await local.http("GET", f"http://ann:very-secret@127.0.0.1:{free_port()}/")
    assert "very-secret" not in str(refused.value)
    assert "***@127.0.0.1" in str(refused.value)


async def test_a_proxy_variable_does_not_catch_requests(
    local: LocalTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with serve_world(tmp_path, free_port()) as world:
        assert (await local.http("GET", f"{world.url}/ok")).status == 200


async def test_reads_the_kernels_files(local: LocalTransport) -> None:
    assert b"MemTotal" in await local.read("/proc/meminfo")
    assert "self" in await local.list("/proc")
    assert await local.link(f"/proc/{os.getpid()}/exe") == os.path.realpath(sys.executable)


async def test_never_waits_on_a_pipe_nor_opens_a_socket(local: LocalTransport, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
        for name, kind in (("pipe", "pipe"), ("socket", "socket")):
            with pytest.raises(AccessError, match=f"a {kind}, not a regular file"):
                await local.read(str(tmp_path / name))
    assert (await local.stat(str(tmp_path / "socket"))).kind == "socket"


async def test_a_sparse_file_shows_what_it_takes(local: LocalTransport, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as out:
        out.truncate(10_000_000)
    found = await local.stat(str(tmp_path / "sparse"))
    assert found.size_bytes == 10_000_000
    assert found.allocated_bytes < 100_000


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
async def test_write_keeps_owner_mode_and_attributes(local: LocalTransport, tmp_path: Path) -> None:
    path = tmp_path / "drop-in"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o4750)
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError:
        marked = False
    else:
        marked = True
    await local.write(str(path), b"new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (12345, 23456, 0o4750)
    assert path.read_bytes() == b"new"
    if marked:
        assert os.getxattr(path, "user.note") == b"kept"


async def test_a_write_that_fails_leaves_nothing(local: LocalTransport, tmp_path: Path) -> None:
    target = tmp_path / ("n" * 250)
    target.write_bytes(b"old")
    await local.write(str(target), b"a name almost too long is fine")
    assert [p.name for p in tmp_path.iterdir()] == [target.name]
    with pytest.raises(AccessError):
        await local.write("/proc/version", b"x")
    with pytest.raises(NotThere):
        await local.write(str(tmp_path / "gone" / "file"), b"x")


async def test_a_reader_sees_the_old_file_or_the_new_one(local: LocalTransport, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    sizes = (1, 200_000)
    await local.write(path, b"x" * sizes[0])

    async def write_often() -> None:
        for number in range(20):
            await local.write(path, b"x" * sizes[number % 2])

    writing = asyncio.create_task(write_often())
    while not writing.done():
        assert len(await local.read(path)) in sizes
    await writing


async def test_the_clients_last_one_event_loop_after_close() -> None:
    transport = LocalTransport(name="here")
    assert transport.name == "here"
    assert transport.python == sys.executable
    await transport.read("/proc/version")
    await transport.close()
    assert await transport.read("/proc/version")
    await transport.close()


def test_the_local_name_can_stand_in_a_ref() -> None:
    assert local_name()
    assert "/" not in local_name()
