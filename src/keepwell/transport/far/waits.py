"""Calls at the far end that wait: for a command or a connection. Sent there as text with far_end.py: standard
library only, Python 3.7 or newer. Each means what it means on the local machine (processes.py, web.py).
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import time
from contextlib import suppress

from keepwell.transport.far.job import PAYLOAD_BYTES, Job, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from keepwell.transport.far.job import Done

#: As in processes.py: seconds that output is awaited after the end of a command, and for a killed one to be gone.
LINGER_SECONDS = 0.25
KILL_SECONDS = 1.0
#: Seconds between two looks whether a silent command has ended while something else holds its output open.
LOOK_SECONDS = 0.1
PIECE_BYTES = 64 * 1024
#: Where programs for an administrator lie; a login without a terminal often has a shorter PATH.
FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
#: Scheme of a URL whose host is the path of a Unix socket; see web.py.
UNIX_SCHEME = "http+unix"


def run(job: Job) -> Done:
    """A command, as an argument list, in a group of its own that is killed at a limit."""
    argv = [one.encode("utf-8", "surrogateescape") for one in job.take("argv", list) if isinstance(one, str)]
    if not argv or len(argv) != len(job.args["argv"]):
        raise Refusal("NotThere", "not a usable command (no arguments)")
    began = time.monotonic()
    process = start(job, argv)
    output = Output(job, process)
    try:
        output.collect()
        output.require_own_end()
    finally:
        output.close()
    stdout, stderr = (b"".join(kept) for kept in output.kept)
    if len(stdout) + len(stderr) > PAYLOAD_BYTES:
        raise Refusal("TooLarge", f"more than {PAYLOAD_BYTES} bytes of output")
    told = {"code": process.returncode, "split": len(stdout), "seconds": time.monotonic() - began}
    return told, stdout + stderr


def start(job: Job, argv: list[bytes]) -> subprocess.Popen[bytes]:
    """Start it; Refusal for what is no command line."""
    environment = dict(os.environ, LC_ALL="C", LANGUAGE="C")
    folders = environment.get("PATH", os.defpath).split(":")
    environment["PATH"] = ":".join(folders + [one for one in FOLDERS if one not in folders])
    source = (subprocess.DEVNULL, subprocess.PIPE)[bool(job.payload)]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            argv, bufsize=0, stdin=source, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
    except ValueError as error:
        raise Refusal("NotThere", f"not a usable command ({error})") from None
    with job.lock:
        job.process = process
    if job.over or job.stopped:
        job.stop()
    return process


class Output:
    """What a running command says, until it has ended or a limit is reached."""

    def __init__(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        self.job = job
        self.process = process
        self.most = job.limit()
        self.kept: tuple[list[bytes], list[bytes]] = ([], [])
        self.sizes = [0, 0]
        self.rest = memoryview(job.payload)
        self.selector = selectors.DefaultSelector()
        for number, pipe in enumerate((process.stdout, process.stderr)):
            self.selector.register(the(pipe), selectors.EVENT_READ, number)
        if job.payload:
            os.set_blocking(the(process.stdin).fileno(), False)
            self.selector.register(the(process.stdin), selectors.EVENT_WRITE, -1)

    def collect(self) -> None:
        """Until it is done; Refusal at a limit."""
        ended = 0.0
        while self.reading():
            left = self.left()
            for key, _ in self.selector.select(min(left, LOOK_SECONDS)):
                self.move(key.fileobj, key.data)
            if not ended and self.poll():
                ended = time.monotonic()
            if ended and time.monotonic() - ended >= LINGER_SECONDS:
                return
        while not self.poll():
            try:
                self.process.wait(min(self.left(), LOOK_SECONDS))
            except subprocess.TimeoutExpired:
                continue

    def left(self) -> float:
        """Seconds until the limit; Refusal when there are none."""
        left = self.job.left()
        if left <= 0:
            self.job.stop()
        self.require_own_end()
        return left

    def require_own_end(self) -> None:
        """Refusal when it was stopped, whoever saw first that it took too long."""
        if self.job.stopped:
            raise Refusal("TimedOut", f"not done within {self.job.seconds:g} s, ended")

    def reading(self) -> bool:
        """True while its output is open."""
        return any(key.data >= 0 for key in self.selector.get_map().values())

    def poll(self) -> bool:
        """True when it has ended. Under the lock, so that nobody kills another process of the same number."""
        with self.job.lock:
            return self.process.poll() is not None

    def move(self, pipe: Any, number: int) -> None:
        """Take a piece of output, or give a piece of input."""
        if number < 0:
            self.give(pipe)
            return
        part = os.read(pipe.fileno(), PIECE_BYTES)
        if not part:
            self.selector.unregister(pipe)
            return
        self.kept[number].append(part)
        self.sizes[number] += len(part)
        if self.sizes[number] > self.most:
            raise Refusal("TooLarge", f"more than {self.most} bytes of output, ended")

    def give(self, pipe: Any) -> None:
        """Give a piece of input; a command that wants no more gets none."""
        try:
            self.rest = self.rest[os.write(pipe.fileno(), self.rest[:PIECE_BYTES]) :]
        except BlockingIOError:
            return
        except OSError:
            self.rest = self.rest[:0]
        if not self.rest:
            self.selector.unregister(pipe)
            pipe.close()

    def close(self) -> None:
        """Kill what still runs, and let go of the pipes."""
        self.selector.close()
        if not self.poll():
            self.job.stop()
            with suppress(subprocess.TimeoutExpired):  # one that waits for a broken disk cannot be ended
                self.process.wait(KILL_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def the(pipe: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for."""
    if pipe is None:
        raise ValueError("no pipe")
    return pipe


def connect(job: Job) -> Done:
    """A connection, opened and closed."""
    host, port = job.take("host", str), job.take("port", int)
    try:
        socket.create_connection((host, port), max(job.left(), 0.001)).close()
    except socket.timeout:  # noqa: UP041 (two kinds before Python 3.10)
        raise Refusal("TimedOut", f"no connection within {job.seconds:g} s") from None
    except socket.gaierror as error:
        raise Refusal("Unreachable", error.strerror or str(error)) from None
    except (ValueError, OverflowError) as error:
        raise Refusal("Unreachable", f"not a usable address ({error})") from None
    return {}, b""


CALLS = {"run": run, "connect": connect}
