"""Keeps the desk: its address from the beginning, its process from the first request or unfinished batch on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from keepwell.app.serving.planes import describe_end
from keepwell.store.desk import find_unfinished
from keepwell.store.desk_door import DeskDoor, remove_desk_door, save_desk_door

#: Bytes of the secret; connections that may wait while the process starts.
SECRET_BYTES, BACKLOG = 32, 128
#: Seconds before a process that ended is started again, at first and at most (clients wait); all is well after so many.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, WELL_SECONDS = 0.5, 8.0, 60.0
#: Seconds for it to end in order.
END_SECONDS = 15.0


class DeskKeeper:
    """`process` is the number of the process that runs, 0 while none is needed."""

    def __init__(self, state: Path, tell: Callable[[str], None]) -> None:
        self._state = state
        self._tell = tell
        self._desk: Process | None = None

    @property
    def process(self) -> int:
        """The process, 0 for none."""
        if self._desk is None or self._desk.returncode is not None:
            return 0
        return self._desk.pid

    @contextlib.asynccontextmanager
    async def keep(self) -> AsyncIterator[None]:
        """The desk can be asked meanwhile. Raises AccessError where its address cannot be told."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(BACKLOG)
            listening.setblocking(False)
            save_desk_door(
                self._state, DeskDoor(port=listening.getsockname()[1], secret=secrets.token_hex(SECRET_BYTES))
            )
            keeping = asyncio.create_task(self._keep(listening))
            try:
                yield
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
                await self._end()
                remove_desk_door(self._state)

    async def _keep(self, listening: socket.socket) -> None:
        pause = PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        if not find_unfinished(self._state):
            await _wait_for_somebody(listening)
        while True:
            began = loop.time()
            why = await self._run(listening)
            if loop.time() - began > WELL_SECONDS:
                pause = PAUSE_SECONDS
            self._tell(f"the desk of files and batches ended ({why}) and is started again; the gateway serves on")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _run(self, listening: socket.socket) -> str:
        """Start it and wait for its end; how it ended."""
        descriptor = listening.fileno()
        argv = [sys.executable, "-P", "-m", "keepwell.app.desk.process", str(self._state), str(descriptor)]
        try:
            # a group of its own: Ctrl-C is for this process, which then lets the desk finish
            self._desk = desk = await asyncio.create_subprocess_exec(
                *argv, stdin=DEVNULL, pass_fds=(descriptor,), process_group=0
            )
        except OSError as error:
            return f"it cannot be started: {error.strerror}"
        return describe_end(await desk.wait())

    async def _end(self) -> None:
        desk = self._desk
        if desk is None or desk.returncode is not None:
            return
        for order in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                desk.send_signal(order)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await desk.wait()
                    return


async def _wait_for_somebody(listening: socket.socket) -> None:
    """Until somebody connects; the connection is left for the process."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listening, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listening)
