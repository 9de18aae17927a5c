"""`keepwell top` in a real pseudo-terminal: it starts, ends cleanly, and prints once where there is no terminal."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.app.overview.serving import serve_hub

#: Seconds for what must come; a busy machine starts slowly.
SECONDS = 30.0
COLOURS = re.compile(r"\x1b\[(?:[0-9]+;)*[34][0-7](?:;[0-9]+)*m")


@dataclass
class Terminal:
    """A process that has a terminal of its own, and all that it wrote there."""

    pid: int
    master: int
    before: list[object]
    written: bytes = b""
    code: int | None = None
    said: list[str] = field(default_factory=list)

    def until(self, *words: str) -> str:
        """Read until all of these came."""
        end = time.monotonic() + SECONDS
        while not all(word.encode() in self.written for word in words):
            assert time.monotonic() < end, f"{words} did not come: {self.written[-2000:]!r}"
            self._read(0.2)
        return self.written.decode("utf-8", "replace")

    def press(self, keys: str) -> None:
        """As a person would."""
        os.write(self.master, keys.encode())

    def wait(self) -> int:
        """Until it has ended; its exit code."""
        end = time.monotonic() + SECONDS
        while self.code is None:
            assert time.monotonic() < end, "it does not end"
            self._read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        while self._read(0.1):
            continue
        return self.code

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], seconds)
        try:
            found = os.read(self.master, 1 << 16) if ready else b""
        except OSError:  # nobody has the other end any more
            found = b""
        self.written += found
        return bool(found)


@contextmanager
def terminal(state: Path, *flags: str, **environment: str) -> Iterator[Terminal]:
    """`keepwell top` in one of 100 × 30."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    before = termios.tcgetattr(slave)
    settings = {**os.environ, "KEEPWELL_STATE": str(state), "TERM": "xterm-256color", **environment}
    settings.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    with subprocess.Popen(
        [sys.executable, "-m", "keepwell", "top", *flags],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=settings,
        start_new_session=True,
    ) as process:
        made = Terminal(process.pid, master, before)
        try:
            yield made
        finally:
            if made.code is None:
                os.kill(process.pid, signal.SIGKILL)
                os.waitpid(process.pid, 0)
            process.returncode = made.code or 0
            os.close(slave)
            os.close(master)


@pytest.mark.parametrize("keys", ["q", "\x03"])
async def test_it_starts_and_leaves_the_terminal_as_it_was(tmp_path: Path, keys: str) -> None:
    async with serve_hub(tmp_path):
        with terminal(tmp_path) as one:
            await asyncio.to_thread(one.until, "node00", "Card 24G", "quit")
            one.press(keys)
            assert await asyncio.to_thread(one.wait) == 0
            for left in ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l"):  # other screen, cursor, mouse
                assert left.encode() in one.written
            assert termios.tcgetattr(one.master)[:4] == one.before[:4]
            assert b"Traceback" not in one.written


async def test_colours_are_the_terminals_own_and_none_where_none_are_wished(tmp_path: Path) -> None:
    async with serve_hub(tmp_path):
        with terminal(tmp_path) as one:
            await asyncio.to_thread(one.until, "node00", "quit")
            assert COLOURS.search(one.written.decode())
            assert b"38;2;" not in one.written
            one.press("q")
            await asyncio.to_thread(one.wait)
        with terminal(tmp_path, NO_COLOR="1") as one:
            await asyncio.to_thread(one.until, "node00", "quit")
            one.press("q")
            await asyncio.to_thread(one.wait)
            assert not COLOURS.search(one.written.decode())


async def test_a_hub_that_ends_is_told_and_a_new_one_is_found(tmp_path: Path) -> None:
    with terminal(tmp_path, "--interval", "0.5") as one:
        async with serve_hub(tmp_path):
            await asyncio.to_thread(one.until, "node00")
        await asyncio.to_thread(one.until, "the hub has ended")
        one.written = b""
        async with serve_hub(tmp_path):
            await asyncio.to_thread(one.until, "quit")
            one.press("q")
            assert await asyncio.to_thread(one.wait) == 0


async def test_without_a_terminal_it_prints_once(tmp_path: Path) -> None:
    async with serve_hub(tmp_path):
        argv = [sys.executable, "-m", "keepwell", "top"]
        environment = {**os.environ, "KEEPWELL_STATE": str(tmp_path)}

        def run(*flags: str) -> subprocess.CompletedProcess[bytes]:
            return subprocess.run([*argv, *flags], capture_output=True, env=environment, check=False)

        for flags in ((), ("--once",)):
            done = await asyncio.to_thread(run, *flags)
            assert (done.returncode, done.stderr) == (2, b"")
            assert "llama3.2:3b" in done.stdout.decode()
        done = await asyncio.to_thread(run, "--json")
        assert json.loads(done.stdout)["schema"] == "keepwell.overview/1"
        done = await asyncio.to_thread(run, "--config", str(tmp_path / "none.toml"), "--json")
        assert done.returncode in (2, 3)
