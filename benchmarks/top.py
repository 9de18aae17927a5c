#!/usr/bin/env python3
"""What `keepwell top` costs: python benchmarks/top.py [--seconds 30] [--nodes 6] [--gpus 4] [--glances PYTHON]

A real hub's server with as many nodes and GPUs, whose numbers all drift and tremble once a second (load by several per
cent, power by watts, heat by tenths), one engine and model a node, and requests that stream. `keepwell top` runs in a
pseudo-terminal, once for each size; told are the bytes that the terminal gets and the processor time of the process.
Beside it in the same run: a Textual table that is filled anew every second with as many GPUs, and Glances, where
`--glances` names a Python that has it. The bars are 3 % of a core and 2 KB a second; 1 is returned where they are not
held. `--draw` measures instead how long the hub takes to draw 30 nodes.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import math
import os
import pty
import random
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.hub.answering import Answering
from keepwell.app.hub.duty import Hub
from keepwell.app.hub.opening import make_hub
from keepwell.app.operation import untold
from keepwell.app.overview.drawing import draw_overview
from keepwell.app.overview.gathering import Gathered
from keepwell.app.report import EnginePicture, NodePicture
from keepwell.app.wiring import Wiring
from keepwell.config.hub_model import HubEntry
from keepwell.config.model import Config, NodeEntry
from keepwell.core.finding import Status
from keepwell.core.observation import unknown
from keepwell.core.ref import Ref, engine, node
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.gateway.record.state import About, AtWork, GatewayState, ReplicaState
from keepwell.store.hub_door import find_hub_door
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport

BAR_SHARE, BAR_BYTES = 0.03, 2000.0
#: Seconds before anything is counted: start, first picture.
WARM_SECONDS = 8.0
SIZES = ((120, 40), (80, 24))
GIB = 2.0**30
NAIVE = """
import random, sys
from textual.app import App
from textual.widgets import DataTable
class Naive(App):
    def compose(self):
        yield DataTable()
    def on_mount(self):
        self.table = self.query_one(DataTable)
        self.columns = self.table.add_columns(*"node name load memory heat power clock bar".split())
        self.rows = [self.table.add_row(*[str(n)] * 8) for n in range(int(sys.argv[1]))]
        self.set_interval(1, self.fill)
    def fill(self):
        for row in self.rows:
            for column in self.columns[2:]:
                self.table.update_cell(row, column, f"{random.random() * 100:.1f}")
Naive().run()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one program: its name, bytes a second to the terminal, share of a core, memory."""

    name: str
    bytes_per_second: float
    share: float
    memory_mib: float


def main() -> int:
    """Measure and print; 1 where a bar is not held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--nodes", type=int, default=6)
    parser.add_argument("--gpus", type=int, default=4)
    parser.add_argument("--glances", default="")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.draw:
        return measure_drawing()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), asked))
    print(f"{'':44}{'bytes/s':>10}{'of a core':>11}{'memory':>10}")
    for one in found:
        print(f"{one.name:44}{one.bytes_per_second:>10.0f}{one.share:>11.2%}{one.memory_mib:>6.0f} MiB")
    print(f"{asked.nodes} nodes of {asked.gpus} GPUs; {asked.seconds:.0f} s each; load {os.getloadavg()[0]:.1f}")
    if asked.json:
        asked.json.write_text(json.dumps([[one.name, one.bytes_per_second, one.share] for one in found], indent=1))
    ours = [one for one in found if one.name.startswith("keepwell")]
    return int(any(one.bytes_per_second > BAR_BYTES or one.share > BAR_SHARE for one in ours))


async def measure(folder: Path, asked: argparse.Namespace) -> list[Cost]:
    """Serve a fleet, and run each program against it or beside it."""
    hub = make_fleet(folder, asked.nodes, asked.gpus)
    duty = Answering()
    await duty.do(hub, time.time())
    living = asyncio.create_task(keep_living(hub, asked.nodes, asked.gpus))
    environment = {**os.environ, "KEEPWELL_STATE": str(folder), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    try:
        while find_hub_door(folder) is None:
            await asyncio.sleep(0.1)
        found = []
        for size in SIZES:
            argv = [sys.executable, "-m", "keepwell", "top", "--interval", "1"]
            name = f"keepwell top, {size[0]} x {size[1]}"
            found.append(await asyncio.to_thread(run, name, argv, size, environment, asked.seconds))
        argv = [sys.executable, "-c", NAIVE, str(asked.nodes * asked.gpus)]
        name = f"Textual's table, filled anew, {SIZES[0][0]} x {SIZES[0][1]}"
        found.append(await asyncio.to_thread(run, name, argv, SIZES[0], environment, asked.seconds))
        if asked.glances:
            argv = [asked.glances, "-m", "glances", "-t", "1"]
            name = f"Glances of one machine, {SIZES[0][0]} x {SIZES[0][1]}"
            found.append(await asyncio.to_thread(run, name, argv, SIZES[0], environment, asked.seconds))
        return found
    finally:
        living.cancel()
        await duty.close()


def run(name: str, argv: Sequence[str], size: tuple[int, int], environment: dict[str, str], seconds: float) -> Cost:
    """One program in a terminal of its own."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], list(argv), environment)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    try:
        drain(master, WARM_SECONDS)
        before, began = processor_seconds(pid), time.monotonic()
        count = drain(master, seconds)
        took = time.monotonic() - began
        share, memory = (processor_seconds(pid) - before) / took, proportional_bytes(pid) / 2**20
    finally:
        os.kill(pid, signal.SIGTERM)
        threading.Timer(5.0, kill, (pid,)).start()
        drain(master, 1.0)
        os.waitpid(pid, 0)
        os.close(master)
    return Cost(name=name, bytes_per_second=count / took, share=share, memory_mib=memory)


def kill(pid: int) -> None:
    """One that does not end."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def drain(master: int, seconds: float) -> int:
    """Bytes that come in that time."""
    count, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([master], [], [], left)
        if not ready:
            continue
        try:
            count += len(os.read(master, 1 << 16))
        except OSError:
            return count
    return count


def make_fleet(folder: Path, nodes: int, gpus: int) -> Hub:
    """A hub that knows as many nodes, each looked at."""
    entries = tuple(NodeEntry(name=f"node{number:02d}", address=f"192.0.2.{number + 1}") for number in range(nodes))
    config = Config(nodes=entries, hub=HubEntry(listen=("127.0.0.1:14002",)))
    hub = make_hub(Wiring(config=config, hands=LocalTransport(), clock=SystemClock(), state=folder), untold)
    for entry in entries:
        hub.pictures[entry.name] = picture(entry.name)
        hub.table.put(Batch(node=entry.name, at=time.time(), readings=tremble(entry.name, gpus, 0)))
    return hub


def picture(name: str) -> NodePicture:
    """An engine on it."""
    untold_yet = unknown("not asked")
    made = EnginePicture(
        ref=engine(name, "chat"),
        title="Chat server",
        url="http://127.0.0.1:9000",
        version="1",
        status=Status.OK,
        state="well",
        supervisor="",
        log="",
        models=1,
        loaded=untold_yet,
        requests_running=untold_yet,
        requests_waiting=untold_yet,
    )
    return NodePicture(
        ref=node(name),
        system="",
        cores=16,
        memory_total_bytes=64 * GIB,
        memory_available_bytes=32 * GIB,
        devices=(),
        engines=(made,),
    )


async def keep_living(hub: Hub, nodes: int, gpus: int) -> None:
    """Other numbers each second, and requests that stream."""
    halves = 0
    while True:
        await asyncio.sleep(0.5)  # a drawing is good for a second: there is always one that we made
        halves += 1
        second = halves // 2
        gathered = replace(Gathered(), planes=(stream(second),))
        hub.overviews.give(draw_overview(hub, time.time(), gathered))
        if halves % 2:
            continue
        for number in range(nodes):
            name = f"node{number:02d}"
            hub.table.put(Batch(node=name, at=time.time(), readings=tremble(name, gpus, second)))


def tremble(name: str, gpus: int, second: int) -> list[Reading]:
    """One node: loads that wander by a tenth a minute and tremble by 3 %, and what follows from them."""
    subject, place = str(node(name)), str(engine(name, "chat"))
    model = str(Ref("model", (name, "chat", "llama3.2:3b")))
    rows: list[tuple[str, str, float]] = [
        ("host.cpu_busy_ratio", subject, 0.3 + random.gauss(0, 0.03)),
        ("host.memory_used_bytes", subject, (20 + random.gauss(0, 0.05)) * GIB),
        ("host.memory_total_bytes", subject, 64 * GIB),
        ("engine.requests_running", place, 2.0 + second % 7 // 6),
        ("engine.requests_waiting", place, 0.0),
        ("engine.models_loaded", place, 1.0),
        ("model.loaded_bytes", model, 4 * GIB),
        ("model.gpu_ratio", model, 1.0),
        ("model.expires_seconds", model, 300.0),
    ]
    for gpu in range(gpus):
        card = f"device:{name}/{gpu}"
        load = 0.6 + 0.3 * math.sin(second / 60 + gpu + len(name)) + random.gauss(0, 0.03)
        rows += [
            ("device.utilisation_ratio", card, max(0.0, min(1.0, load))),
            ("device.memory_used_bytes", card, (12 + gpu + 0.02 * math.sin(second)) * GIB),
            ("device.memory_total_bytes", card, 24 * GIB),
            ("device.temperature_celsius", card, float(round(45 + 25 * load + random.gauss(0, 0.3)))),
            ("device.power_watts", card, 60 + 250 * load + random.gauss(0, 4)),
            ("device.clock_hertz", card, 1.7e9 + 15e6 * random.randint(-1, 1)),
        ]
    return [(SeriesKey(metric, about), value) for metric, about, value in rows]


def stream(second: int) -> GatewayState:
    """Four requests, one of them new every ten seconds."""
    rows = tuple(
        AtWork(
            id=second // 10 + number,
            model="llama3.2:3b",
            key="ada",
            stream=True,
            stage="answering",
            seconds=float(second % 10 + 10 * number),
            ttft_seconds=0.4,
            output_tokens=40 * (second % 10) + 400 * number,
            tokens_per_second=40 + random.gauss(0, 0.5),
        )
        for number in range(4)
    )
    replica = ReplicaState(replica="node00/chat", node="node00", running=4, requests=rows)
    return GatewayState(plane=About(), replicas=(replica,))


def measure_drawing() -> int:
    """How long one drawing of 30 nodes of four GPUs takes, among as many other series as such a fleet has."""
    with tempfile.TemporaryDirectory() as folder:
        hub = make_fleet(Path(folder), 30, 4)
        for number in range(30):
            others = [(SeriesKey(f"device.other_{one}", f"device:node{number:02d}/0"), 1.0) for one in range(200)]
            hub.table.put(Batch(node=f"node{number:02d}", at=time.time(), readings=others))
        times = []
        for _ in range(101):
            began = time.process_time()
            draw_overview(hub, time.time())
            times.append(time.process_time() - began)
        took = statistics.median(times)
    print(f"a drawing of 30 nodes of 4 GPUs, {hub.table.count} series: {took * 1000:.1f} ms (median)")
    return int(took > 0.005)


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
