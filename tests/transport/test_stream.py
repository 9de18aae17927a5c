"""Bodies with the times of their parts, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from keepwell.core.errors import NotPermitted, TimedOut, Unreachable
from keepwell.testing.node import RecordedNode
from keepwell.testing.sshd import Sshd, find_sshd, run_sshd
from keepwell.transport.base import StreamsBodies, stream_body
from keepwell.transport.local import LocalTransport
from keepwell.transport.ssh.way import SshTransport, open_ssh
from tests.support import free_port

#: Seconds between two parts: far more than a busy machine needs to pass one on.
PAUSE = 0.15
HEAD = b"HTTP/1.1 200 OK\r\nX-Mixed-Case: Yes\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def speaking(*parts: bytes) -> AsyncIterator[str]:
    """A server that sends these parts with a pause between, then closes; b"" holds the connection open."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            if not part:
                return
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(PAUSE)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"
    finally:
        server.close()
        for one in writers:
            one.close()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real server on loopback."""
    if not find_sshd():
        pytest.skip("no sshd here")
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(params=["local", "ssh"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[LocalTransport | SshTransport]:
    """This machine, by itself and over SSH."""
    made: LocalTransport | SshTransport = LocalTransport("node")
    if request.param == "ssh":
        made = await open_ssh(request.getfixturevalue("sshd").node())
    yield made
    await made.close()


async def test_each_part_has_its_time(transport: LocalTransport | SshTransport) -> None:
    async with speaking(HEAD, b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n") as url:
        got = await stream_body(transport, "GET", url)
    assert (got.status, got.body, got.whole, got.problem) == (200, b"onetwo", True, "")
    assert got.headers["x-mixed-case"] == "Yes"
    first, second = got.pieces
    assert got.head_seconds <= first.seconds <= second.seconds - PAUSE / 2
    assert second.seconds <= got.seconds


async def test_a_body_that_breaks_off_or_stalls_is_told_with_what_came(
    transport: LocalTransport | SshTransport,
) -> None:
    async with speaking(HEAD, b"3\r\none\r\n") as url:
        cut = await stream_body(transport, "GET", url)
    assert (cut.body, cut.whole) == (b"one", False)
    assert cut.problem
    async with speaking(HEAD, b"3\r\none\r\n", b"") as url:
        stalled = await stream_body(transport, "GET", url, timeout_seconds=0.6)
    assert (stalled.body, stalled.whole) == (b"one", False)
    assert "0.6 s" in stalled.problem


async def test_without_a_head_there_is_no_answer(transport: LocalTransport | SshTransport) -> None:
    with pytest.raises(Unreachable, match="refused"):
        await stream_body(transport, "GET", f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(Unreachable):
        await stream_body(transport, "GET", "http://127.0.0.1:70000/")
    async with speaking(b"") as url:
        with pytest.raises(TimedOut):
            await stream_body(transport, "GET", url, timeout_seconds=0.3)


async def test_no_more_is_kept_than_the_limit(transport: LocalTransport | SshTransport) -> None:
    async with speaking(HEAD, b"5\r\nabcde\r\n", b"5\r\nfghij\r\n") as url:
        got = await transport.stream("GET", url, max_bytes=4)
    assert (got.body, got.whole) == (b"abcde", False)
    assert "larger" in got.problem


async def test_a_transport_that_cannot_says_so() -> None:
    node = RecordedNode()
    assert not isinstance(node, StreamsBodies)
    with pytest.raises(NotPermitted, match="when the parts"):
        await stream_body(node, "GET", "http://127.0.0.1:1/")
