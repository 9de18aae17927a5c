"""`keepwell up` as real processes: the hub is killed and the gateway serves on; all ends together; systemd is told."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from keepwell.store.hub_door import HubDoor, find_hub_door
from tests.support import eventually_async, free_port

#: Seconds for processes to begin on a busy machine.
LONG = 60.0


@dataclass
class Up:
    """A running `keepwell up`."""

    process: asyncio.subprocess.Process
    state: Path
    port: int

    def ask(self, port: int, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    async def serves(self) -> bool:
        try:
            status, _ = await asyncio.to_thread(self.ask, self.port, "/health")
        except OSError:
            return False
        return status == 200

    async def hub(self, before: int = 0) -> HubDoor:
        """The door of a hub that is not `before` and answers."""
        found: list[HubDoor] = []

        async def there() -> bool:
            door = find_hub_door(self.state)
            if door is None or door.pid == before:
                return False
            try:
                status, _ = await asyncio.to_thread(self.ask, int(door.url.rpartition(":")[2]), "/health")
            except OSError:
                return False
            found.append(door)
            return status == 200

        await eventually_async(there, LONG, "a hub answers")
        return found[-1]


@asynccontextmanager
async def going_up(folder: Path, environment: dict[str, str] | None = None) -> AsyncIterator[Up]:
    state, port, hub_port = folder / "state", free_port(), free_port()
    config = folder / "keepwell.toml"
    config.write_text(f'[hub]\nlisten = "127.0.0.1:{hub_port}"\n')
    argv = [sys.executable, "-m", "keepwell", "up", "--declared", "--listen", f"127.0.0.1:{port}"]
    one = await asyncio.create_subprocess_exec(
        *argv,
        "--config",
        str(config),
        env={**os.environ, "KEEPWELL_STATE": str(state), **(environment or {})},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Up(one, state, port)
    finally:
        if one.returncode is None:
            one.send_signal(signal.SIGINT)
            await asyncio.wait_for(one.wait(), LONG)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def count_failures(up: Up) -> tuple[int, int]:
    """Requests that failed, and all of them, until cancelled."""
    failed = asked = 0
    try:
        while True:
            asked += 1
            failed += not await up.serves()
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        return failed, asked


async def hear(heard: socket.socket, beginning: bytes) -> None:
    """Wait until systemd's socket gets this."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LONG):
        while not (await loop.sock_recv(heard, 4096)).startswith(beginning):
            pass


async def test_the_gateway_serves_on_when_the_hub_is_killed(tmp_path: Path) -> None:
    """Not one request fails while the hub dies and comes again. systemd is told: ready once it serves, beats while it
    does, stopping when it is told to end; and then all of them end.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.setblocking(False)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        async with going_up(tmp_path, environment) as up:
            await hear(heard, b"READY=1")
            assert await up.serves()
            first = await up.hub()
            counting = asyncio.create_task(count_failures(up))
            os.kill(first.pid, signal.SIGKILL)
            second = await up.hub(before=first.pid)
            counting.cancel()
            failed, asked = await counting
            assert (failed, asked > 20) == (0, True)
            port = int(second.url.rpartition(":")[2])
            _, content = await asyncio.to_thread(up.ask, port, "/health")
            assert msgspec.json.decode(content)["node"]
            await hear(heard, b"WATCHDOG=1")
            up.process.send_signal(signal.SIGTERM)
            await hear(heard, b"STOPPING=1")
            assert await asyncio.wait_for(up.process.wait(), LONG) == 0
            assert not is_there(second.pid)
            assert find_hub_door(up.state) is None


@pytest.mark.long
async def test_a_hub_whose_keeper_was_killed_ends(tmp_path: Path) -> None:
    async with going_up(tmp_path) as up:
        await eventually_async(up.serves, LONG)
        door = await up.hub()
        planes = [int(one.stem) for one in (up.state / "gateway" / "planes").glob("*.json")]
        up.process.kill()
        await up.process.wait()

        async def gone() -> bool:
            return not is_there(door.pid)

        await eventually_async(gone, LONG, "the hub ends")
        assert await up.serves()
        for pid in planes:
            os.kill(pid, signal.SIGKILL)
