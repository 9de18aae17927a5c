"""Files that are larger than what a gateway keeps of a request: they go to the disk as they come."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from keepwell.store.requests import Wanted
from tests.app.desk.made import RunningDesk, running_desk
from tests.support import eventually_async

MEGABYTE = 1024 * 1024
#: Megabytes of the upload, and the most that a process may grow by meanwhile.
SIZE, GROWTH = 200, 40
_FIELD = b"--xx\r\ncontent-disposition: form-data; name="
BEGIN = _FIELD + b'"purpose"\r\n\r\nbatch\r\n' + _FIELD + b'"file"; filename="big.jsonl"\r\n\r\n'
END = b"\r\n--xx--\r\n"
PART = b"0123456789abcdef" * (MEGABYTE // 16)


def memory(process: int) -> int:
    """Megabytes of a process, at most so far."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def count_sockets(process: int) -> int:
    """How many a process has."""
    return sum(os.readlink(one).startswith("socket:") for one in Path(f"/proc/{process}/fd").iterdir())


@asynccontextmanager
async def uploading(
    desk: RunningDesk, size: int, *, key: str = "kw-ada", more: bytes = b""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which the head of an upload of so many megabytes was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.plane.port)
    length = len(BEGIN) + size * MEGABYTE + len(END)
    head = b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=xx\r\n"
    writer.write(head + b"authorization: Bearer %b\r\n%bcontent-length: %d\r\n\r\n" % (key.encode(), more, length))
    try:
        yield reader, writer
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, object]]:
    """Status and body."""
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))


async def send(writer: asyncio.StreamWriter, size: int) -> None:
    """So many megabytes of the file, as fast as they are taken."""
    for _ in range(size):
        writer.write(PART)
        await writer.drain()


async def test_a_large_file_goes_to_the_disk_as_it_comes(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk, desk.client("ada") as ada, asyncio.timeout(100):
        await ada.files.list()
        gateway, keeper = desk.plane.process.pid, desk.keeper.process
        before = memory(gateway), memory(keeper)
        async with uploading(desk, SIZE, more=b"expect: 100-continue\r\n") as (reader, writer):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(BEGIN)
            await send(writer, SIZE)
            writer.write(END)
            status, said = await read_answer(reader)
            # the connection goes on
            writer.write(b"GET /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer kw-ada\r\n\r\n")
            assert (await read_answer(reader))[0] == 200
        grown = memory(gateway) - before[0], memory(keeper) - before[1]
        print(f"{SIZE} MiB: the gateway grew by {grown[0]} MiB, the desk by {grown[1]}")
        assert (status, said["bytes"], said["filename"]) == (200, SIZE * MEGABYTE, "big.jsonl")
        assert max(grown) < GROWTH
        digest = hashlib.sha256()
        async with ada.files.with_streaming_response.content(str(said["id"])) as content:
            async for part in content.iter_bytes():
                digest.update(part)
        assert digest.hexdigest() == hashlib.sha256(PART * SIZE).hexdigest()
        await desk.plane.has_rows(4)
        row = next(one for one in desk.plane.rows(Wanted()) if one.path == "/v1/files" and one.bytes_in > MEGABYTE)
        assert (row.status, row.key, row.bytes_in) == (200, "ada", SIZE * MEGABYTE + len(BEGIN) + len(END))


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk, desk.client("ada") as ada, asyncio.timeout(60):
        async with uploading(desk, 20) as (_, writer):
            writer.write(BEGIN)
            await send(writer, 10)

        async def is_over() -> bool:
            rows = desk.plane.rows(Wanted())
            return any(one.outcome == "client_gone" for one in rows) and not list(tmp_path.rglob("*.part"))

        await eventually_async(is_over, 20.0, "the upload to be over")
        assert [one async for one in ada.files.list()] == []


async def test_what_is_refused_is_told_before_it_came(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk, asyncio.timeout(60):
        async with uploading(desk, 20, key="kw-nobody") as (reader, _):
            assert (await read_answer(reader))[0] == 401
            assert await reader.read() == b""
        async with uploading(desk, 2000) as (reader, writer):
            writer.write(BEGIN)
            status, said = await read_answer(reader)
            assert status == 413
            assert "a file has at most" in str(said)
            assert await reader.read() == b""


async def test_a_desk_that_dies_is_told(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk, desk.client("ada") as ada, asyncio.timeout(60):
        await ada.files.list()
        before = count_sockets(desk.keeper.process)
        async with uploading(desk, 20) as (reader, writer):
            writer.write(BEGIN)
            await send(writer, 4)

            async def is_taken() -> bool:
                return count_sockets(desk.keeper.process) > before

            await eventually_async(is_taken, 20.0, "the desk to take the upload")
            os.kill(desk.keeper.process, signal.SIGKILL)
            status, said = await read_answer(reader)
            assert status == 502
            assert "the desk did not take the file" in str(said)
