"""The hub's process: `python -m keepwell.daemon STATE CONFIG BEATS [careful]`; `keepwell up` starts it.

CONFIG is "" for the usual keepwell.toml; `careful` leaves out what needs libraries of vendors in this process. Each
second a byte goes to the pipe BEATS; when nobody reads it any more the hub ends, and with TERM or INT. One hub works
on a state folder at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from keepwell.app.hub.duties import DUTIES
from keepwell.app.hub.face import Face
from keepwell.app.hub.opening import make_hub
from keepwell.app.hub.running import Runner
from keepwell.app.operation import Caller
from keepwell.app.serving.config_watch import ConfigWatch
from keepwell.app.wiring import wire
from keepwell.core.errors import KeepwellError, Unreachable
from keepwell.store.folder import make_private_folder, state_error

#: The file whose lock says that a hub works here.
LOCK_FILE = "hub/lock"
#: Seconds between two beats, and without one after which what blocks the hub is written to standard error.
BEAT_SECONDS, STUCK_SECONDS = 1.0, 20.0
#: Seconds for a hub that was there before to leave, and between two looks whether it has: nothing tells of a lock.
LOCK_SECONDS, LOCK_LOOK_SECONDS = 15.0, 0.1


async def run_hub(caller: Caller, beats: int, *, careful: bool = False, faces: Sequence[Face] = ()) -> None:
    """Work until told to end. Raises ConfigurationError, Unreachable where another hub does not leave."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with wire(caller) as wiring:
        with hold_lock(wiring.state / LOCK_FILE):
            made = make_hub(wiring, caller.tell)
            hub = replace(made, careful=careful, faces=tuple(faces), config_path=caller.config)
            runner = Runner(hub, DUTIES)
            tasks = [
                asyncio.create_task(runner.run(), name="duties"),
                asyncio.create_task(_keep_beating(beats, stop), name="beats"),
                asyncio.create_task(_keep_settled(runner, caller), name="configuration"),
                asyncio.create_task(stop.wait(), name="end"),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            hub.series.close()
            hub.requests.close()
    for one in ended:
        if isinstance(one, Exception):
            raise one


async def _keep_beating(beats: int, stop: asyncio.Event) -> None:
    """Say again and again that this loop goes round; end with whoever reads it."""
    os.set_blocking(beats, False)
    while True:
        faulthandler.dump_traceback_later(STUCK_SECONDS)
        try:
            os.write(beats, b".")
        except BlockingIOError:  # who reads it is busy
            pass
        except BrokenPipeError:
            faulthandler.cancel_dump_traceback_later()
            stop.set()
        await asyncio.sleep(BEAT_SECONDS)


async def _keep_settled(runner: Runner, caller: Caller) -> None:
    """Give duties what keepwell.toml says whenever it changes."""
    watch = ConfigWatch(caller, runner.hub.here)
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        config = watch.look()
        if config is not None:
            runner.settle(config)


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Keep other hubs out; wait a while for one that is leaving. Raises AccessError, Unreachable."""
    make_private_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise state_error(error, path) from error
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _lock(descriptor):
            if time.monotonic() > deadline:
                raise Unreachable("another hub works on this state folder", where=str(path))
            time.sleep(LOCK_LOOK_SECONDS)
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
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str], faces: Sequence[Face] = ()) -> None:
    """The process: state folder, configuration or "", descriptor of the pipe for beats."""
    state, config, beats, *more = argv
    caller = Caller(asked_by="hub", state=Path(state), config=_path(config), tell=_tell)
    faulthandler.enable()
    try:
        asyncio.run(run_hub(caller, int(beats), careful=bool(more), faces=faces))
    except KeepwellError as error:
        _tell(f"hub: {error}")
        raise SystemExit(1) from error


def _path(written: str) -> Path | None:
    if not written:
        return None
    return Path(written)
