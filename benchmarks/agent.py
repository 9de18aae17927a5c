#!/usr/bin/env python3
"""What an agent costs that samples once a second, beside node exporter, Netdata and Glances.

python benchmarks/agent.py [--seconds 60] [--processes 500] [--gpus 4] [--json FILE]
    [--node-exporter PROGRAM] [--netdata PROGRAM] [--glances PROGRAM]

All run one after the other on this machine, with so many processes on it and each asked once a second: the agent over
TLS by keepwell's own reader, the others by HTTP for all they have. GPUs are a stand-in driver below the real NVML
binding (it needs a C compiler); the peers do not read it. The agent watches eight processes as four engines. CPU is
that of the program and its children, of one core; memory is PSS. A program that is not found is left out. Glances comes
with `pip install "glances[web]"` in an environment of its own; it takes a number of seconds to look at all processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from keepwell.config.model import NodeEntry
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.telemetry.sources import AgentSource
from keepwell.testing.fake_gpu.card import FakeCard
from keepwell.testing.fake_gpu.library import build_libraries, find_cache, find_compiler
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data
from keepwell.transport.agent.way import open_agent

#: Seconds between a program's start and the first number that counts: first looks cost more, and Python loads modules.
WARM_SECONDS = 15.0
#: Seconds for a program to answer for the first time.
START_SECONDS = 30.0
PORTS = {"keepwell agent": 27447, "node exporter": 27100, "Netdata": 27199, "Glances": 27208}
#: Bars of the agent: share of a core, bytes.
MOST_RATIO, MOST_BYTES = 0.005, 40_000_000


T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """One program's: share of a core, PSS at the end, processes, bytes of an answer, samples that came."""

    program: str
    cpu_ratio: float
    pss_bytes: int
    processes: int
    answer_bytes: int
    samples: int


def main() -> int:
    """Measure all that are there, print a table; 1 where the agent misses a bar."""
    options = parse_options()
    with sleepers(options.processes) as pids, tempfile.TemporaryDirectory() as folder:
        rows = [asyncio.run(measure_agent(Path(folder), pids, options))]
        for name, argv, url in peers(options, Path(folder)):
            found = asyncio.run(measure_peer(name, argv, url, options.seconds))
            rows += [found] * (found is not None)
        count = sum(name.isdecimal() for name in os.listdir("/proc"))
    print(f"{count} processes, {options.gpus} stand-in GPUs, {options.seconds:g} s each, load {os.getloadavg()[0]:.1f}")
    print(f"{'':16} {'CPU of a core':>14} {'PSS':>9} {'processes':>10} {'an answer':>11} {'samples':>8}")
    for one in rows:
        memory, answer = f"{one.pss_bytes / 1e6:.1f} MB", f"{one.answer_bytes / 1e3:.1f} KB"
        print(f"{one.program:16} {one.cpu_ratio:>14.2%} {memory:>9} {one.processes:>10} {answer:>11} {one.samples:>8}")
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(one) for one in rows], indent=2), encoding="utf-8")
    good = rows[0].cpu_ratio <= MOST_RATIO and rows[0].pss_bytes <= MOST_BYTES
    print(f"bars (0.5 % of a core, 40 MB): {'met' if good else 'missed'}")
    return int(not good)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=500)
    parser.add_argument("--gpus", type=int, default=4)
    parser.add_argument("--json", default="")
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    parser.add_argument("--netdata", default="netdata")
    parser.add_argument("--glances", default="glances")
    return parser.parse_args()


@contextmanager
def sleepers(wanted: int) -> Iterator[list[int]]:
    """So many processes on this machine, most of them asleep."""
    there = sum(name.isdecimal() for name in os.listdir("/proc"))
    made = [subprocess.Popen(["sleep", "3600"]) for _ in range(max(8, wanted - there))]
    try:
        yield [one.pid for one in made]
    finally:
        for one in made:
            one.kill()
        for one in made:
            one.wait()


async def measure_agent(folder: Path, pids: list[int], options: argparse.Namespace) -> Cost:
    """The agent, asked as the hub asks."""
    environment = {**os.environ, "KEEPWELL_STATE": str(folder / "state"), **stand_in(folder, options.gpus)}
    program = [sys.executable, "-m", "keepwell", "agent"]
    subprocess.run([*program, "--init"], env=environment, check=True, capture_output=True)
    shown = subprocess.run([*program, "--show", "--json"], env=environment, check=True, capture_output=True)
    token = (folder / "state" / "agent" / "token").read_text(encoding="ascii").strip()
    port = PORTS["keepwell agent"]
    fingerprint = json.loads(shown.stdout)["fingerprint"]
    node = NodeEntry(name="bench", address="127.0.0.1", reach="agent", port=port, fingerprint=fingerprint)
    with (folder / "agent.log").open("wb") as log:
        running = subprocess.Popen([*program, "--port", str(port)], env=environment, stdout=log, stderr=log)
    try:
        source = await until_there(lambda: open_agent(node, token))
        reader = AgentSource("bench", source)
        watched = {pid: f"engine:bench/engine{number % 4}" for number, pid in enumerate(pids[:8])}
        samples = 0
        sizes: list[int] = []

        async def ask() -> None:
            nonlocal samples
            batches = await reader.take(watched)
            samples += len(batches)
            sizes.append(sum(not isinstance(value, Missing) for batch in batches for _, value in batch.readings))

        ratio = await watch(running.pid, ask, options.seconds)
        cost = account("keepwell agent", running.pid, ratio)
        payload = len((await source.samples({"session": 0}))[1])
        print(
            f"  {max(sizes)} numbers at most in an answer; log: {(folder / 'agent.log').read_text().splitlines()[1:4]}"
        )
        await source.close()
        return replace(cost, answer_bytes=payload, samples=samples)
    finally:
        end(running)


async def measure_peer(name: str, argv: list[str], url: str, seconds: float) -> Cost | None:
    """A program that is asked by HTTP; None where it is not there or does not start."""
    if shutil.which(argv[0]) is None:
        print(f"  {name}: {argv[0]} is not there")
        return None
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    last = 0
    samples = 0

    def fetch() -> int:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return len(answer.read())

    async def ask() -> None:
        nonlocal last, samples
        last = await asyncio.to_thread(fetch)
        samples += 1

    try:
        await until_there(lambda: asyncio.to_thread(fetch))
        ratio = await watch(running.pid, ask, seconds)
        return replace(account(name, running.pid, ratio), answer_bytes=last, samples=samples)
    except TimeoutError:
        print(f"  {name}: does not answer at {url}")
        return None
    finally:
        end(running)


def peers(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[str], str]]:
    """Each peer's name, command and what it is asked once a second."""
    port = PORTS["node exporter"]
    argv = [options.node_exporter, f"--web.listen-address=127.0.0.1:{port}"]
    yield "node exporter", argv, f"http://127.0.0.1:{port}/metrics"
    port = PORTS["Netdata"]
    argv = [options.netdata, "-D", "-i", "127.0.0.1", "-p", str(port)]
    for section, key, value in netdata_settings(folder, options.netdata):
        argv += ["-W", "set", section, key, value]
    yield "Netdata", argv, f"http://127.0.0.1:{port}/api/v1/allmetrics?format=prometheus"
    port = PORTS["Glances"]
    argv = [options.glances, "-w", "-t", "1", "-B", "127.0.0.1", "-p", str(port), "--disable-check-update"]
    yield "Glances", argv, f"http://127.0.0.1:{port}/api/4/all"


def netdata_settings(folder: Path, program: str) -> Iterator[tuple[str, str, str]]:
    """Netdata's folders in one of ours, memory only, without its programs in other languages. Where it was unpacked
    and not installed, its own files lie beside it.
    """
    for name in ("cache", "lib", "log", "config", "home"):
        own = folder / "netdata" / name
        own.mkdir(parents=True)
        yield "directories", name, str(own)
    beside = Path(program).resolve().parents[1]
    for name, path in (
        ("plugins", "lib/netdata/plugins.d"),
        ("stock config", "lib/netdata/conf.d"),
        ("web", "share/netdata/web"),
    ):
        if (beside / path).is_dir():
            yield "directories", name, str(beside / path)
    yield "db", "mode", "ram"
    yield "global", "run as user", "root"
    for name in ("python.d", "go.d", "charts.d", "node.d", "ebpf", "fping", "ioping", "perf", "freeipmi", "nfacct"):
        yield "plugins", name, "no"


def stand_in(folder: Path, count: int) -> dict[str, str]:
    """The environment in which NVML finds so many GPUs; empty without a compiler."""
    if not count or not find_compiler():
        return {}
    first = FakeCard()
    cards = tuple(replace(first, pci=f"0000:{number + 1:02x}:00.0", uuid=f"GPU-{number}") for number in range(count))
    data = folder / "gpu.data"
    data.write_text(render_data(FakeMachine(cards=cards, driver="580.65.06")), encoding="utf-8")
    return {VARIABLE: str(data), "LD_LIBRARY_PATH": str(build_libraries(find_cache()))}


async def until_there(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer; TimeoutError after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return await ask()
        except (AccessError, OSError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise TimeoutError from None
            await asyncio.sleep(0.3)


async def watch(pid: int, ask: Callable[[], Awaitable[None]], seconds: float) -> float:
    """Ask once a second; the share of a core that the program took after it had warmed up."""
    begun = time.monotonic()
    spent, since = 0.0, begun
    for second in range(int(WARM_SECONDS + seconds)):
        if second == int(WARM_SECONDS):
            spent, since = cpu_seconds(pid), time.monotonic()
        await ask()
        await asyncio.sleep(max(0.0, begun + second + 1 - time.monotonic()))
    return (cpu_seconds(pid) - spent) / (time.monotonic() - since)


def account(name: str, pid: int, ratio: float) -> Cost:
    """What it has in memory now."""
    tree = family(pid)
    return Cost(name, ratio, sum(pss_bytes(one) for one in tree), len(tree), 0, 0)


def family(pid: int) -> list[int]:
    """A process and its children of all generations."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                words = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(words[1]), []).append(int(name))
    found, waiting = list[int](), [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, with those that have ended."""
    total = 0
    for one in family(pid):
        try:
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(word) for word in words[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    """Memory with what is shared divided among those who share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def end(running: subprocess.Popen[bytes]) -> None:
    """End a program and those that it started."""
    for pid in reversed(family(running.pid)):
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError:
            continue
    try:
        running.wait(10)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


if __name__ == "__main__":
    sys.exit(main())
