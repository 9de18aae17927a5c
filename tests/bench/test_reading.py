"""Connections that are read directly: when each part came, and in turns."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import cast

import pytest

from keepwell.bench.direct import READ_BYTES, Direct
from keepwell.bench.reading import Reading, can_read_directly
from tests.bench.servers import let_pass
from tests.support import eventually_async

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what comes")


class Heard:
    """What a connection told."""

    def __init__(self) -> None:
        self.parts: list[tuple[bytes, float]] = []
        self.lost: list[Exception | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.direct = cast("Direct", transport)

    def received(self, data: bytes, at: float) -> None:
        self.parts.append((data, at))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)

    @property
    def data(self) -> bytes:
        return b"".join(data for data, _ in self.parts)

    async def has(self, size: int) -> None:
        async def heard() -> bool:
            return len(self.data) >= size

        await eventually_async(heard)

    async def is_lost(self) -> None:
        async def lost() -> bool:
            return bool(self.lost)

        await eventually_async(lost)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Heard, socket.socket]]:
    """A connection that is read directly, and its other end."""
    reading = Reading()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        heard = await reading.connect(Heard, "127.0.0.1", listening.getsockname()[1])
        there, _ = listening.accept()
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with there:
            try:
                yield heard, there
            finally:
                heard.direct.abort()
                await heard.is_lost()
                reading.close()


def test_it_can_be_read_directly_here() -> None:
    assert can_read_directly()


async def test_each_part_has_the_instant_at_which_it_came() -> None:
    """The loop has no time while they come, and reads each much later."""
    async with connected() as (heard, there):
        there.send(b"0")
        await heard.has(1)
        sent = []
        for number in range(3):
            before = monotonic()
            there.send(b"x")
            sent.append((before, monotonic()))
            let_pass(0.02)
            await heard.has(number + 2)
    assert heard.data == b"0xxx"
    for (_, at), (before, after) in zip(heard.parts[1:], sent, strict=True):
        assert before - 1e-4 <= at <= after + 0.005


async def test_turns_bring_all_that_came() -> None:
    async with connected() as (heard, there):
        heard.direct.slow_down()
        for number in range(50):
            there.send(b"%03d," % number)
        there.send(b"z" * (READ_BYTES * 2))
        await heard.has(200 + READ_BYTES * 2)
        assert heard.data.startswith(b"000,001,")
        assert len(heard.parts) < 10
        heard.direct.speed_up()
        assert not heard.direct.slow
        there.send(b"again")
        await heard.has(200 + READ_BYTES * 2 + 5)


async def test_the_instant_of_what_is_read_in_its_turn() -> None:
    """It is that of the last bytes, not that of the turn."""
    async with connected() as (heard, there):
        there.send(b"0")
        await heard.has(1)
        heard.direct.slow_down()
        there.send(b"1")
        there.send(b"2")
        after = monotonic()
        await heard.has(3)
        assert heard.parts[-1][1] <= after + 0.001


@pytest.mark.parametrize("slow", [False, True])
async def test_the_other_end_closes(slow: bool) -> None:
    async with connected() as (heard, there):
        if slow:
            heard.direct.slow_down()
        there.send(b"last words")
        there.close()
        await heard.is_lost()
        assert heard.data == b"last words"
        assert heard.lost == [None]
        assert heard.direct.is_closing()
        heard.direct.write(b"nobody hears it")


async def test_a_reset_is_told() -> None:
    async with connected() as (heard, there):
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        there.close()
        await heard.is_lost()
        assert isinstance(heard.lost[0], ConnectionResetError)


async def test_a_request_that_the_system_does_not_take_at_once() -> None:
    async with connected() as (heard, there):
        much = bytes(range(256)) * 60_000
        heard.direct.write(much)
        heard.direct.write(b"end")
        there.setblocking(False)
        got = bytearray()
        while len(got) < len(much) + 3:
            got += await asyncio.get_running_loop().sock_recv(there, 1 << 20)
        assert bytes(got) == much + b"end"


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    reading = Reading()
    with pytest.raises(ConnectionRefusedError):
        await reading.connect(Heard, "127.0.0.1", port)
    reading.close()
