"""The desk's process: `python -m keepwell.app.desk.process STATE DESCRIPTOR`; the descriptor is a socket that listens.

It ends with the process that started it, and by TERM; what it was doing is gone on with by the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import uvicorn

from keepwell.app.desk.api import make_app
from keepwell.app.desk.work import Worker
from keepwell.core.errors import KeepwellError, NotThere, Unreachable
from keepwell.store.desk import DESK_FOLDER, Desk
from keepwell.store.desk_door import load_desk_door
from keepwell.store.folder import make_private_folder, state_error
from keepwell.transport.clock import SystemClock

#: Seconds between two looks whether the process that started it lives, and for one before it to leave.
LOOK_SECONDS, LOCK_SECONDS = 0.5, 30.0
#: Connections at once: the gateway's.
CONNECTIONS = 200
#: Seconds for answers under way when it ends.
END_SECONDS = 2


async def run_desk(state: Path, listening: socket.socket) -> None:
    """Answer and work until told to end, or until whoever started it has gone. Raises KeepwellError."""
    parent, stop = os.getppid(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with _hold(state / DESK_FOLDER / "lock"):
        door = load_desk_door(state)
        if door is None:
            raise NotThere("nobody keeps a desk here", where=str(state))
        desk = Desk(state)
        desk.open()
        tempfile.tempdir = str(desk.incoming)  # uploads are spooled on the disk that will keep them
        worker = Worker(state, desk, door.secret, SystemClock(), _tell)
        config = uvicorn.Config(
            make_app(desk, door.secret, worker.look),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=END_SECONDS,
        )
        server = _Server(config)
        working = asyncio.create_task(worker.run())
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not stop.is_set() and os.getppid() == parent and not (working.done() or serving.done()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await stop.wait()
        server.should_exit = True
        working.cancel()
        await asyncio.wait([working, serving])
        for task in (working, serving):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error


class _Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


@contextlib.asynccontextmanager
async def _hold(path: Path) -> AsyncIterator[None]:
    """Keep other desks out, and tell this process's number; wait a while for one that is leaving.

    Raises AccessError, Unreachable.
    """
    make_private_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise state_error(error, path) from error
    try:
        loop = asyncio.get_running_loop()
        until = loop.time() + LOCK_SECONDS
        while not _lock(descriptor):
            if loop.time() > until:
                raise Unreachable("another process has the desk of this state folder", where=str(path))
            await asyncio.sleep(LOOK_SECONDS)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell(line: str) -> None:
    """To standard error, where `keepwell up` has its own lines."""
    print(f"desk: {line}", file=sys.stderr, flush=True)


def main(argv: Sequence[str]) -> int:
    """Run it; 3 where it cannot."""
    state, descriptor = argv
    try:
        asyncio.run(run_desk(Path(state), socket.socket(fileno=int(descriptor))))
    except KeepwellError as error:
        _tell(str(error))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
