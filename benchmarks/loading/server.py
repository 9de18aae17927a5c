"""The server of known timing, and what a client that asks it costs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keepwell.testing.waiting import eventually
from loading.clients import Command, Rate, Said

#: What the server does: milliseconds to the first event, and between two; events at most.
FIRST_MS, GAP_MS, TOKENS = 20.0, 5.0, 64
#: What comes before a command so that other programs of the machine do not come in between.
REAL_TIME = ("chrt", "--rr", "10")
#: Seconds between two looks at a client's memory; seconds that a client may take beyond its load.
LOOK_SECONDS, BEYOND_SECONDS = 0.1, 120.0
SOURCE = Path(__file__).with_name("known_timing.c")


@dataclass(frozen=True)
class Figures:
    """One client at one rate. Times in milliseconds but for the start's seconds; -1 where it did not tell.

    `true_mean_ms` is what the server noted of the same requests: from the kernel's stamp on the request to the write of
    the first event. `error` is what the client said beyond it, `off` what it said beyond FIRST_MS, both as parts of it.
    """

    client: str
    rate: float
    tokens: int
    answered: int
    first_mean_ms: float
    true_mean_ms: float
    error: float
    off: float
    first_p99_ms: float
    true_p99_ms: float
    gap_mean_ms: float
    start_seconds: float
    memory_bytes: int
    processes: int
    cpu_cores: float
    server_late_p50_ms: float
    server_late_p99_ms: float
    server_cores: float
    limited: str = ""


class Server:
    """The server of known timing, on the first core."""

    def __init__(self, folder: Path, port: int, arrivals: Path, before: tuple[str, ...]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder, self._arrivals, self._before = folder, arrivals, before

    def measure(
        self, client: str, rate: Rate, seconds: float, command: Command, read: Callable[[Path], Said]
    ) -> Figures:
        """Run a client on the second core."""
        folder = self._folder / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.ask("/reset")
        server_cpu = json.loads(self.ask("/stats"))["cpu_s"]
        argv = command(self.url, rate, seconds, folder)
        began, cpu = time.monotonic(), os.times()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*self._before, "taskset", "-c", str(find_cores()[1]), *argv], stdout=log, stderr=log, cwd=folder
            )
            watch = Watch(process.pid)
            try:
                process.wait(timeout=seconds + BEYOND_SECONDS)
            finally:
                process.kill()
                watch.close()
        ended = os.times()
        if process.returncode:
            raise SystemExit(f"{client} failed:\n{(folder / 'log').read_text(errors='replace')[-3000:]}")
        said, stats = read(folder), json.loads(self.ask("/stats"))
        used = ended.children_user + ended.children_system - cpu.children_user - cpu.children_system
        first = struct.unpack("=Q", self._arrivals.read_bytes()[:8])[0] / 1e9
        true = stats["wire_ms"]
        return Figures(
            client=client,
            rate=rate.per_second,
            tokens=rate.tokens,
            answered=said.answered,
            first_mean_ms=said.first_mean_ms,
            true_mean_ms=true["mean"],
            error=(said.first_mean_ms - true["mean"]) / FIRST_MS,
            off=said.first_mean_ms / FIRST_MS - 1,
            first_p99_ms=said.first_p99_ms,
            true_p99_ms=true["p99"],
            gap_mean_ms=said.gap_mean_ms,
            start_seconds=first - began,
            memory_bytes=max(watch.most_bytes, int(said.memory_bytes)),
            processes=watch.most_processes,
            cpu_cores=used / (time.monotonic() - began),
            server_late_p50_ms=stats["first_late_ms"]["p50"],
            server_late_p99_ms=stats["first_late_ms"]["p99"],
            server_cores=(stats["cpu_s"] - server_cpu) / max(1e-3, stats["span_s"]),
            limited=said.limited,
        )

    def ask(self, path: str) -> bytes:
        """What it says there."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            body: bytes = answer.read()
            return body


class Watch:
    """Looks at the memory of a process and its children, in a thread, until it is closed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.most_bytes = self.most_processes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            sizes = [measure_memory(pid) for pid in find_tree(self._pid)]
            self.most_bytes = max(self.most_bytes, sum(sizes))
            self.most_processes = max(self.most_processes, len(sizes))


def find_tree(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(one for child in below for one in find_tree(int(child)))]


def measure_memory(pid: int) -> int:
    """Resident bytes; 0 for one that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


@contextmanager
def run_server(folder: Path, before: tuple[str, ...] = ()) -> Iterator[Server]:
    """The server, built and started; `before` comes before its command and those of clients."""
    program, arrivals, port = folder / "server", folder / "arrivals", find_port()
    subprocess.run(["cc", "-O2", "-w", "-o", str(program), str(SOURCE)], check=True)
    argv = [str(program), str(port), f"{FIRST_MS:g}", f"{GAP_MS:g}", str(TOKENS), str(arrivals)]
    process = subprocess.Popen([*before, "taskset", "-c", str(find_cores()[0]), *argv])
    server = Server(folder, port, arrivals, before)
    try:
        eventually(lambda: answers(server), what="the server answers")
        yield server
    finally:
        process.kill()
        process.wait()


def answers(server: Server) -> bool:
    """True once it does."""
    try:
        return bool(server.ask("/stats"))
    except OSError:
        return False


def find_cores() -> list[int]:
    """The cores that this may use; the last one twice where it is alone."""
    cores = sorted(os.sched_getaffinity(0))
    return [*cores, cores[-1]]


def find_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port
