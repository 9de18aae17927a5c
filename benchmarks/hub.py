#!/usr/bin/env python3
"""What the hub costs: python benchmarks/hub.py [--nodes 30] [--gpus 4] [--seconds 60] [--json FILE]

The real hub process collects once a second from as many agents as there are nodes: real TLS, tokens and wire, each
with its own port, all in one process beside; their samples are made up (every number of a GPU and half of the host's
differ from second to second). All duties of the hub run: minutes are kept, engines are looked for, objectives and
alerts are judged, /metrics is scraped every 15 s. What is told is the processor time of the hub's process alone, after
every node was looked at once. Beside it, in the same run: the same numbers as a page of each node's, parsed every
second by the official parser (prometheus_client; `--peer PYTHON` names an interpreter that has it). The bar: 10 % of a
core.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.app.agent_identity import TOKEN, find_fingerprint, load_identity, make_identity
from keepwell.core.metric import Metric
from keepwell.core.series import Reading, SeriesKey
from keepwell.metrics import declared
from keepwell.store.hub_door import find_hub_door
from keepwell.telemetry.rounds import Sample
from keepwell.telemetry.wire import Writer, parse_heard
from keepwell.transport.agent.server import AgentServer

if TYPE_CHECKING:
    from keepwell.transport.far.job import Done, Job

BAR = 0.10
#: Seconds until every node was looked at once, at most.
WARM_SECONDS = 240.0
SCRAPE_SECONDS = 15.0
NAIVE = """
import sys, time
from prometheus_client.parser import text_string_to_metric_families
page = sys.stdin.read()
begin = time.process_time()
for _ in range(10):
    count = sum(len(one.samples) for one in text_string_to_metric_families(page))
print((time.process_time() - begin) / 10, count)
"""


def main() -> int:
    """Measure and print; 1 where the bar is not held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=30)
    parser.add_argument("--gpus", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--agents", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.agents:
        asyncio.run(serve_agents(asked.agents, asked.nodes, asked.gpus))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked)
    naive = measure_naive(asked)
    found.update(naive)
    print(f"{'':34}{'share of a core':>16}")
    print(f"{'hub, everything':34}{found['hub_share']:>15.1%}")
    if naive:
        print(f"{'official parser alone':34}{found['naive_share']:>15.1%}")
    print(
        f"{asked.nodes} nodes, {asked.gpus} GPUs each, {found['series']} series, {found['fresh']} of them read within "
        f"5 s; {found['memory_mib']:.0f} MiB (PSS); {asked.seconds:.0f} s; load {os.getloadavg()[0]:.1f}"
    )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))
    return int(found["hub_share"] > BAR)


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Run agents and hub; what the hub took."""
    make_identity(folder, "agent", time.time())
    (folder / TOKEN).chmod(0o600)
    argv = [sys.executable, __file__, "--agents", str(folder), "--nodes", str(asked.nodes), "--gpus", str(asked.gpus)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as agents:
        try:
            assert agents.stdout is not None
            ports = [int(one) for one in agents.stdout.readline().split()]
            write_config(folder, ports)
            with running_hub(folder) as pid:
                return watch(folder, pid, asked)
        finally:
            agents.terminate()


def write_config(folder: Path, ports: list[int]) -> None:
    """The nodes, and a place for the hub that nobody else has."""
    fingerprint = find_fingerprint(load_identity(folder))
    lines = ['[hub]\nlisten = "127.0.0.1:14001"']
    for number, port in enumerate(ports):
        lines.append(
            f'[[node]]\nname = "node{number:02d}"\naddress = "127.0.0.1"\nport = {port}\nreach = "agent"\n'
            f'fingerprint = "{fingerprint}"\ntoken = {{file = "{folder / TOKEN}"}}'
        )
    (folder / "keepwell.toml").write_text("\n".join(lines) + "\n")


@contextlib.contextmanager
def running_hub(folder: Path) -> Iterator[int]:
    """The hub's process, as `keepwell up` starts it."""
    reading, writing = os.pipe()
    argv = [sys.executable, "-m", "keepwell.daemon"]
    argv += [str(folder / "state"), str(folder / "keepwell.toml"), str(writing)]
    with subprocess.Popen(argv, pass_fds=(writing,)) as hub:
        os.close(writing)
        try:
            yield hub.pid
        finally:
            hub.send_signal(signal.SIGTERM)
            hub.wait(30)
            os.close(reading)


def watch(folder: Path, pid: int, asked: argparse.Namespace) -> dict[str, float]:
    """Warm up, then measure."""
    deadline = time.monotonic() + WARM_SECONDS
    while time.monotonic() < deadline:
        time.sleep(2)
        up = [one for one in ask(folder, "hub.node_up") if one["value"] == 1]
        looked = [one for one in ask(folder, "hub.looks_total") if one["value"] >= asked.nodes + 1]
        if len(up) == asked.nodes + 1 and looked:
            break
    else:
        raise SystemExit("not every node was reached and looked at")
    before, began = processor_seconds(pid), time.monotonic()
    while time.monotonic() - began < asked.seconds:
        fetch(folder, "/metrics")
        time.sleep(min(SCRAPE_SECONDS, max(0.0, asked.seconds - (time.monotonic() - began))))
    share = (processor_seconds(pid) - before) / (time.monotonic() - began)
    rows = ask(folder, "")
    made = [one for one in rows if one["about"].partition(":")[2].startswith("node")]
    now = time.time()
    return {
        "hub_share": share,
        "series": len(made),
        "fresh": sum(now - one["at"] < 5 for one in made),
        "memory_mib": proportional_bytes(pid) / 2**20,
        "nodes": asked.nodes,
        "gpus": asked.gpus,
        "seconds": asked.seconds,
    }


def measure_naive(asked: argparse.Namespace) -> dict[str, float]:
    """The official parser's time for a page of each node every second; {} where it is not installed."""
    lines = [
        f'{key.metric.replace(".", "_")}{{about="{key.subject}",i="{number}"}} {value}'
        for number, (key, value) in enumerate(make_readings("n", asked.gpus, 1))
    ]
    ran = subprocess.run(
        [asked.peer, "-c", NAIVE], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    if ran.returncode:
        print("prometheus_client is not installed: no peer", file=sys.stderr)
        return {}
    seconds, count = ran.stdout.split()
    return {"naive_share": float(seconds) * asked.nodes, "naive_samples": float(count)}


async def serve_agents(folder: Path, nodes: int, gpus: int) -> None:
    """Agents with made-up samples until told to end; prints their ports."""
    identity = load_identity(folder)
    writers = [Writer(int(time.time() * 1000) + number) for number in range(nodes)]
    ports = []
    async with contextlib.AsyncExitStack() as stack:
        for writer in writers:
            server = AgentServer(identity, changes=False, tell=str, calls={"samples": Desk(writer).answer})
            ports.append(await stack.enter_async_context(server.listen("127.0.0.1", 0)))
        print(*ports, flush=True)
        keys = [make_readings(f"far{number}", gpus, 0) for number in range(nodes)]
        second = 0
        while True:
            for writer, known in zip(writers, keys, strict=True):
                writer.add(Sample(time.time(), [("made", vary(known, second))]))
            second += 1
            await asyncio.sleep(1)


class Desk:
    """Hands out what a writer has."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def answer(self, job: Job) -> Done:
        """What the asker lacks."""
        return {}, self._writer.render(parse_heard(job.args))


def make_readings(node: str, gpus: int, second: int) -> list[tuple[SeriesKey, float]]:
    """Every declared metric of a host and of each GPU, once."""
    found = [one for one in declared().values() if isinstance(one, Metric)]
    host = [SeriesKey(one.name, f"node:{node}") for one in found if one.name.startswith("host.")]
    device = [one.name for one in found if one.name.startswith("device.")]
    card = [SeriesKey(name, f"device:{node}/{gpu}") for gpu in range(gpus) for name in device]
    return [(key, float(place)) for place, key in enumerate([*host, *card])]


def vary(known: list[tuple[SeriesKey, float]], second: int) -> list[Reading]:
    """Numbers of another second."""
    made: list[Reading] = []
    for place, (key, value) in enumerate(known):
        if key.metric.startswith("device.") or place % 2:
            value += math.sin(second / 7 + place) + second * key.metric.endswith("_total")
        made.append((key, value))
    return made


def ask(folder: Path, metric: str) -> list[dict[str, object]]:
    """Rows of the hub's numbers; [] while it does not answer."""
    with contextlib.suppress(OSError):
        content = fetch(folder, f"/api/v1/series?metric={metric}")
        found: list[dict[str, object]] = json.loads(content or b'{"series": []}')["series"]
        return found
    return []


def fetch(folder: Path, path: str) -> bytes:
    """One answer of the hub; b"" while it has no door."""
    door = find_hub_door(folder / "state")
    if door is None:
        return b""
    with urllib.request.urlopen(door.url + path, timeout=10) as answer:
        content: bytes = answer.read()
    return content


def processor_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional_bytes(pid: int) -> int:
    """Its share of memory."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(one.split()[1]) * 1024 for one in rows if one.startswith("Pss:"))


if __name__ == "__main__":
    raise SystemExit(main())
