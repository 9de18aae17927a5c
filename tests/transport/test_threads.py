"""A call that hangs costs its caller the time limit and nobody else anything."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from keepwell.core.errors import TimedOut
from keepwell.transport.threads import HANGING, WORKERS, Threads


def _hang(path: Path) -> None:
    """Wait for a writer, as a read on a dead mount waits."""
    os.close(os.open(path, os.O_RDONLY))


def _release(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


async def test_hanging_calls_are_replaced_then_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threads = Threads()
    hang = partial(_hang, pipe)
    for _ in range(WORKERS + 2):
        with pytest.raises(TimedOut, match="pipe"):
            await threads.call(hang, timeout_seconds=0.03, where=str(pipe))
    assert await threads.call(partial(int, "7"), timeout_seconds=5, where="") == 7
    said = ""
    while "no more are tried" not in said:
        with pytest.raises(TimedOut) as caught:
            await threads.call(hang, timeout_seconds=0.02, where=str(pipe))
        said = str(caught.value)
    with pytest.raises(TimedOut, match=f"{HANGING} earlier reads"):
        await threads.call(partial(int, "7"), timeout_seconds=5, where="x")
    _release(pipe)
    threads.close()


async def test_errors_come_through() -> None:
    threads = Threads()
    with pytest.raises(ValueError, match="invalid literal"):
        await threads.call(partial(int, "x"), timeout_seconds=5, where="")
    with pytest.raises(FileNotFoundError):
        await threads.call(partial(os.stat, "/no/such"), timeout_seconds=5, where="")
    threads.close()
    threads.close()


async def test_many_calls_at_once() -> None:
    threads = Threads()
    got = await asyncio.gather(*(threads.call(partial(int, str(n)), timeout_seconds=5, where="") for n in range(200)))
    assert got == list(range(200))
    threads.close()


def test_a_hanging_read_does_not_keep_the_program(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    program = """
import asyncio, os, sys
from keepwell.core.errors import TimedOut
from keepwell.transport.threads import Threads
async def main():
    try:
        await Threads().call(lambda: os.open(sys.argv[1], os.O_RDONLY), timeout_seconds=0.1, where="pipe")
    except TimedOut:
        print("timed out")
asyncio.run(main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "pipe")], capture_output=True, timeout=30, check=True
    )
    assert ran.stdout == b"timed out\n"
