"""Processes on a core of their own, and what they use."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Seconds for a program to answer after it was started, and to end.
START_SECONDS, END_SECONDS = 120.0, 10.0


@dataclass(frozen=True, slots=True)
class Used:
    """Of a process and all below it: seconds of processor time so far, and MiB in memory now."""

    seconds: float
    mib: float


def start(argv: Sequence[str], core: int, *, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A program on this core; what it writes goes to `log`."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        with log.open("wb") as out:
            return subprocess.Popen(argv, stdout=out, stderr=out, env={**os.environ, **environment})
    finally:
        os.sched_setaffinity(0, own)


def wait_for(url: str, headers: Mapping[str, str], program: subprocess.Popen[bytes]) -> float:
    """Seconds until it answers 200 there. Raises TimeoutError, or ChildProcessError when it ended."""
    began = time.perf_counter()
    while time.perf_counter() - began < START_SECONDS:
        if program.poll() is not None:
            raise ChildProcessError(f"it ended with {program.returncode}")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=5) as answer:
                if answer.status == 200:
                    return time.perf_counter() - began
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.005)
    raise TimeoutError(f"no answer at {url} within {START_SECONDS:g} s")


def stop(program: subprocess.Popen[bytes]) -> None:
    """End it."""
    program.terminate()
    try:
        program.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def describe_machine() -> str:
    """Processor, cores, load of the last minute, and the day."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    cores = len(os.sched_getaffinity(os.getppid()))
    return f"{time.strftime('%Y-%m-%d')}, {model}, {cores} cores, load {os.getloadavg()[0]:.1f} at the end."


def read_use(process: int) -> Used:
    """What it and its children use."""
    seconds, pages = 0.0, 0
    for one in _tree(process):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except OSError:
            continue
        seconds += (int(fields[11]) + int(fields[12])) / _TICKS
    return Used(seconds, pages * _PAGE / 2**20)


def _tree(process: int) -> list[int]:
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [process]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += below.get(one, [])
    return found
