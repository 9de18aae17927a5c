"""A TCP relay in this process that makes a network bad on purpose: slow, narrow, cut, silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

#: Bytes taken at a time; small enough that a narrow link flows and does not jerk.
PIECE_BYTES = 16 * 1024
#: Pieces under way in one direction; what is more waits at the sender, as on a real link.
PIECES = 256


class Relay:
    """Passes connections to `port` on to `host:target`. Its attributes may be changed at any time.

    `delay_seconds` is added in each direction; `bytes_per_second` is the width in each direction, 0 for any;
    `refuse` closes new connections at once; `cut_after_bytes` closes a connection hard once so many bytes came
    back through it, -1 for never.
    """

    def __init__(self, host: str, target: int) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.bytes_per_second = 0.0
        self.cut_after_bytes = -1
        self.passed_bytes = 0
        self.accepted = 0
        self.refuse = False
        self._host = host
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def freeze(self) -> None:
        """From now on nothing passes, and nobody is told: a black hole."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Things pass again."""
        self._flowing.set()

    def cut(self) -> None:
        """Close every connection hard, on both sides."""
        for writer in self._writers:
            writer.transport.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.accepted += 1
        self._writers.add(writer)
        if self.refuse:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End everything."""
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(self._host, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(there_writer)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, there_writer, counted=False))
            group.create_task(self._pass(there_reader, writer, counted=True))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        """One direction: taken from one side, handed to the other when its time has come."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(reader, under_way))
            group.create_task(self._hand(under_way, writer, counted=counted))

    async def _take(self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]) -> None:
        piece = b"-"
        while piece:
            piece = b""
            with suppress(OSError):
                piece = await reader.read(PIECE_BYTES)
            await under_way.put((asyncio.get_running_loop().time() + self.delay_seconds, piece))

    async def _hand(
        self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while True:
                due, piece = await under_way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await self._flowing.wait()
                if not piece:
                    break
                await self._write(writer, piece, counted=counted)
        writer.close()
        while not under_way.empty():
            under_way.get_nowait()

    async def _write(self, writer: asyncio.StreamWriter, piece: bytes, *, counted: bool) -> None:
        if self.bytes_per_second:
            await asyncio.sleep(len(piece) / self.bytes_per_second)
        if counted and 0 <= self.cut_after_bytes < self.passed_bytes + len(piece):
            writer.write(piece[: max(0, self.cut_after_bytes - self.passed_bytes)])
            self.passed_bytes = self.cut_after_bytes
            self.cut_after_bytes = -1
            self.cut()
            return
        self.passed_bytes += len(piece) * counted
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def relay_to(target: int, host: str = "127.0.0.1") -> AsyncIterator[Relay]:
    """A relay on a loopback port of its own for as long as the block runs."""
    relay = Relay(host, target)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await relay.close()
