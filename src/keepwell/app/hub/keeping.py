"""Keeps the hub's process running beside the gateway: starts it, starts it again, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from keepwell.app.serving.planes import describe_end

#: Seconds before a hub that ended is started again: at first, and at most; all is well after so many.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, WELL_SECONDS = 0.5, 60.0, 60.0
#: Seconds for the first beat (it loads every plug-in, on a machine that may be busy), and between two of them.
START_SECONDS, SILENT_SECONDS = 120.0, 60.0
#: Seconds for it to finish what must not be lost when all ends.
END_SECONDS = 15.0
#: Ends by a signal in a row, each soon after the start, after which vendors' libraries are left out: nothing of
#: keepwell's own ends a process like that.
CRASHES = 3
#: Bytes of beats that are read at once.
BEATS = 4096
#: The word after which the hub does without libraries of vendors.
CAREFUL = "careful"
#: How a process ends whose memory was misused.
CRASH = frozenset(f"signal {one.value}" for one in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL))


class HubKeeper:
    """`process` is the number of the hub that runs, 0 between two."""

    def __init__(
        self,
        state: Path,
        config: Path | None,
        tell: Callable[[str], None],
        *,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self.process = 0
        self._silent = silent_seconds
        self._crashes = 0
        self._state = state
        self._config = config
        self._tell = tell
        self._hub: Process | None = None

    @contextlib.asynccontextmanager
    async def keep(self) -> AsyncIterator[None]:
        """The hub runs meanwhile, whatever becomes of it."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await self._end()

    async def _keep(self) -> None:
        pause = PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            why = await self._run()
            if loop.time() - began > WELL_SECONDS:
                pause, self._crashes = PAUSE_SECONDS, 0
            self._count(why)
            self._tell(f"the hub ended ({why}) and is started again; the gateway serves on")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _count(self, why: str) -> None:
        self._crashes += why in CRASH
        if self._crashes == CRASHES and why in CRASH:
            self._tell("the hub crashed again and again: from now on it does without the libraries of vendors")

    async def _run(self) -> str:
        """Start one and wait for its end; how it ended."""
        reading, writing = os.pipe()
        try:
            self._hub = hub = await self._start(writing)
        except OSError as error:
            os.close(reading)
            return f"it cannot be started: {error.strerror}"
        finally:
            os.close(writing)
        self.process = hub.pid
        try:
            silent = await _listen(reading, self._silent)
        finally:
            self.process = 0
        if silent:
            hub.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                return silent or describe_end(await hub.wait())
        hub.kill()
        return silent or describe_end(await hub.wait())

    async def _start(self, beats: int) -> Process:
        told = [str(self._state), str(self._config or ""), str(beats)]
        argv = [sys.executable, "-P", "-m", "keepwell.daemon", *told]
        argv += [CAREFUL] * (self._crashes >= CRASHES)
        # a group of its own: Ctrl-C is for this process, which then lets the hub finish
        return await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, pass_fds=(beats,), process_group=0)

    async def _end(self) -> None:
        hub = self._hub
        if hub is None or hub.returncode is not None:
            return
        for order in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                hub.send_signal(order)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await hub.wait()
                    return


async def _listen(descriptor: int, silent_seconds: float) -> str:
    """Read beats until there are no more; why it was given up where they do not come, else ""."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        partial(asyncio.StreamReaderProtocol, stream), os.fdopen(descriptor, "rb")
    )
    try:
        limit = START_SECONDS
        while True:
            async with asyncio.timeout(limit):
                if not await stream.read(BEATS):
                    return ""
            limit = silent_seconds
    except TimeoutError:
        return f"it said nothing for {limit:g} s"
    finally:
        transport.close()
