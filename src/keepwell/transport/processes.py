"""Commands on the local node: argument lists, with a limit on time and output, ended as a whole group."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from keepwell.core.errors import AccessError, NotThere, TimedOut, TooLarge
from keepwell.transport.base import Ran
from keepwell.transport.failures import access_error, shown_command

#: Seconds that output is still awaited after the command itself has ended: a server that it left running
#: may hold the pipe open for ever.
LINGER_SECONDS = 0.25
#: Seconds to wait for a killed process: one that waits for a broken disk or driver does not die at once.
KILL_SECONDS = 1.0


async def run_process(argv: Sequence[str], *, stdin: bytes, timeout_seconds: float, max_bytes: int) -> Ran:
    """Run and wait; any exit code is an answer. At the time limit, the size limit or a cancel, the whole
    process group is killed; what a command leaves running when it ends by itself is left alone.

    `max_bytes` holds for standard output and standard error each. Raises NotThere or NotPermitted when it
    cannot start, TimedOut, TooLarge.
    """
    command = shown_command(argv)
    started = time.perf_counter()
    transport, output = await _start_whole(argv, command, stdin, max_bytes)
    try:
        async with asyncio.timeout(timeout_seconds):
            await output.finished
    except TimeoutError:
        raise TimedOut(f"not done within {timeout_seconds:g} s, ended", command=command) from None
    finally:
        await _end(transport, output)
    if output.too_large:
        raise TooLarge(f"more than {max_bytes} bytes of output, ended", command=command)
    code = transport.get_returncode()
    assert code is not None
    stdout, stderr = (bytes(kept) for kept in output.kept.values())
    return Ran(argv=tuple(argv), code=code, stdout=stdout, stderr=stderr, seconds=time.perf_counter() - started)


class _Output(asyncio.SubprocessProtocol):
    """What one process has said so far. `finished` ends when it is done, or has said too much."""

    def __init__(self, max_bytes: int) -> None:
        self.kept: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
        self.too_large = False
        self.exited = asyncio.Event()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = set(self.kept)
        self._max_bytes = max_bytes

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep output, up to one chunk past the limit."""
        if self.too_large:
            return
        self.kept[fd] += data
        if len(self.kept[fd]) > self._max_bytes:
            self.too_large = True
            self._finish()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """A pipe has been closed at the other end."""
        self._open.discard(fd)
        if self.exited.is_set() and not self._open:
            self._finish()

    def process_exited(self) -> None:
        """The process has ended; its children may still hold the pipes."""
        self.exited.set()
        if not self._open:
            self._finish()
        else:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._finish)

    def _finish(self) -> None:
        if not self.finished.done():
            self.finished.set_result(None)


async def _start_whole(
    argv: Sequence[str], command: str, stdin: bytes, max_bytes: int
) -> tuple[asyncio.SubprocessTransport, _Output]:
    """Start it. A cancel meanwhile waits until it has begun: only then there is a group that can be ended."""
    starting = asyncio.ensure_future(_start(argv, command, stdin, max_bytes))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(AccessError):
            await _end(*await starting)
        raise


async def _start(
    argv: Sequence[str], command: str, stdin: bytes, max_bytes: int
) -> tuple[asyncio.SubprocessTransport, _Output]:
    source = asyncio.subprocess.DEVNULL
    if stdin:
        source = asyncio.subprocess.PIPE
    try:
        transport, output = await asyncio.get_running_loop().subprocess_exec(
            partial(_Output, max_bytes),
            *argv,
            stdin=source,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C", "LANGUAGE": "C"},
        )
    except OSError as error:
        raise access_error(error, where=argv[0], command=command) from error
    except ValueError as error:
        raise NotThere(f"not a usable command ({error})", command=command) from error
    if stdin:
        pipe = transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(stdin)
        pipe.close()
    return transport, output


async def _end(transport: asyncio.SubprocessTransport, output: _Output) -> None:
    """Kill the group of a process that still runs, and let go of the pipes."""
    if not output.exited.is_set():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(KILL_SECONDS):
                await output.exited.wait()
    transport.close()
