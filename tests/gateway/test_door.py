"""The side door: only who can read the state folder is answered, and what dead processes left is no door."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

from keepwell.gateway.door import Door, DoorPlate, load_plates, make_secret, save_plate, sweep_plates
from keepwell.gateway.surface import Answer
from keepwell.gateway.wire.inbound import Inbound, Request


async def knock(port: int, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    found = await reader.read()
    writer.close()
    return found


async def test_who_does_not_know_the_secret_is_told_nothing() -> None:
    def answer(request: Request) -> Answer | None:
        return {b"/state": Answer(status=200, body=b"all is well")}.get(request.path)

    secret = make_secret()
    door = Door(secret, answer)
    server = await asyncio.get_running_loop().create_server(lambda: Inbound(door, monotonic), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        right = b"GET %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + secret.encode() + b"\r\n\r\n"
        assert (await knock(port, right % b"/state")).endswith(b"all is well")
        assert b" 404 " in (await knock(port, right % b"/other")).split(b"\r\n")[0]
        for wrong in (b"", b"authorization: Bearer nope\r\n", b"x-api-key: " + secret.encode() + b"\r\n"):
            found = await knock(port, b"GET /state HTTP/1.1\r\nhost: x\r\n" + wrong + b"\r\n")
            assert b" 403 " in found.split(b"\r\n")[0]
            assert b"well" not in found
        assert b" 400 " in (await knock(port, b"nonsense\r\n\r\n")).split(b"\r\n")[0]


def test_doors_of_dead_processes_are_passed_over_and_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    plates = [DoorPlate(pid=pid, port=1, secret="s") for pid in (gone.pid, os.getpid())]
    paths = [save_plate(tmp_path, one) for one in plates]
    (paths[0].parent / "99999999.json").write_text("no plate")
    assert load_plates(tmp_path) == [plates[1]]
    assert paths[1].stat().st_mode & 0o777 == 0o600
    sweep_plates(tmp_path)
    assert [one.name for one in paths[0].parent.iterdir()] == [paths[1].name]
