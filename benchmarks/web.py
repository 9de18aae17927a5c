#!/usr/bin/env python3
"""What the pages cost: python benchmarks/web.py [--nodes 30] [--gpus 4] [--seconds 20] [--peer PYTHON] [--json FILE]

A hub that knows as many nodes, all numbers of which change once a second, and a real Chromium that looks at its
overview: first paint in a window that remembers nothing, when the last node's name is there, the processor time of
server and browser with nobody looking, one and five windows, and bytes that come to a window each second (counted on
the way, packed as they are). `--peer` names an interpreter that has NiceGUI: the same fleet as a page of it, made the
way its papers show, in the same run. Bars: first paint within 1.5 s, 5 % of a core a viewer. Needs Chromium and
playwright.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.async_api import Browser, async_playwright
from tests.app.overview.made import make_fleet, put_numbers
from tests.support import free_port
from tests.web.browser import FLAGS

from keepwell.app.hub.answering import Answering
from keepwell.core.ref import device, node
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.store.hub_door import find_hub_door
from keepwell.web.face import Web

PAINT_BAR, VIEWER_BAR = 1.5, 0.05
#: Cold visits for the first paint; windows at once.
VISITS, MANY = 5, 5
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure and print; 1 where a bar is not held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=30)
    parser.add_argument("--gpus", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--peer", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(Path(folder), asked.serve, asked.nodes, asked.gpus))
        return 0
    found = asyncio.run(measure(asked))
    report(found, asked)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))
    ours = found["keepwell"]
    return int(ours["first_paint"] > PAINT_BAR or max(ours["viewer_1"], ours["viewer_5"]) > VIEWER_BAR)


def report(found: dict[str, dict[str, float]], asked: argparse.Namespace) -> None:
    """A table, a line a figure."""
    rows = (
        ("first paint, cold, median (s)", "first_paint", "{:.2f}"),
        ("first paint, very first (s)", "first_visit", "{:.2f}"),
        ("last node is there, median (s)", "there", "{:.2f}"),
        ("server, nobody looks", "server_0", "{:.1%}"),
        ("server, each viewer of 1", "viewer_1", "{:.1%}"),
        ("server, each viewer of 5", "viewer_5", "{:.1%}"),
        ("browser, each window of 5", "browser_5", "{:.1%}"),
        ("bytes a second to a window", "bytes_per_second", "{:,.0f}"),
        ("bytes of a cold visit", "visit_bytes", "{:,.0f}"),
        ("server memory, PSS (MiB)", "memory_mib", "{:.0f}"),
    )
    print(f"{'':34}" + "".join(f"{name:>14}" for name in found))
    for title, name, form in rows:
        print(f"{title:34}" + "".join(f"{form.format(one[name]):>14}" for one in found.values()))
    print(
        f"{asked.nodes} nodes of {asked.gpus} GPUs, once a second; {asked.seconds:.0f} s; load {os.getloadavg()[0]:.1f}"
    )


async def measure(asked: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Ours, then the peer, with the same browser."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("no Chromium: apt install chromium")
    shape = ["--nodes", str(asked.nodes), "--gpus", str(asked.gpus)]
    servers = {"keepwell": [sys.executable, __file__, *shape, "--serve"]}
    if asked.peer:
        servers["NiceGUI"] = [asked.peer, str(Path(__file__).with_name("web_nicegui.py")), *shape, "--serve"]
    found = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        for name, argv in servers.items():
            found[name] = await measure_one(browser, argv, asked)
        await browser.close()
    return found


async def measure_one(browser: Browser, argv: list[str], asked: argparse.Namespace) -> dict[str, float]:
    """Start it, and look at it."""
    port = free_port()
    with subprocess.Popen([*argv, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            async with counting(port) as way:
                await answering(port)
                last = f"node{asked.nodes - 1:02d}"
                visits = [await visit(browser, way, last) for _ in range(VISITS)]
                empty, _ = await cost(server.pid, asked.seconds)
                found = {"server_0": empty}
                for windows in (1, MANY):
                    async with looking(browser, way.url, windows, last):
                        before = way.bytes
                        share, browsing = await cost(server.pid, asked.seconds)
                        found[f"viewer_{windows}"] = max(0.0, share - empty) / windows
                        found[f"browser_{windows}"] = browsing / windows
                        found["bytes_per_second"] = (way.bytes - before) / asked.seconds / windows
                found["memory_mib"] = memory(server.pid)
        finally:
            server.kill()
    return {
        **found,
        "first_visit": visits[0][0],
        "first_paint": statistics.median(one[0] for one in visits),
        "there": statistics.median(one[1] for one in visits),
        "visit_bytes": statistics.median(one[2] for one in visits),
    }


async def visit(browser: Browser, way: Way, last: str) -> tuple[float, float, float]:
    """In a window that remembers nothing: seconds to the first paint and to the last node's name, and bytes."""
    before = way.bytes
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await page.goto(way.url, timeout=120_000)
    await page.get_by_text(last).first.wait_for(state="attached")
    there = await page.evaluate("performance.now()")
    paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 1e6")
    received = way.bytes - before
    await context.close()
    return paint / 1000, there / 1000, received


@contextlib.asynccontextmanager
async def looking(browser: Browser, url: str, windows: int, last: str) -> AsyncIterator[None]:
    """So many windows are open and have settled."""
    contexts = [await browser.new_context(viewport={"width": 1280, "height": 800}) for _ in range(windows)]
    for context in contexts:
        page = await context.new_page()
        await page.goto(url, timeout=120_000)
        await page.get_by_text(last).first.wait_for(state="attached")
    await asyncio.sleep(3)
    try:
        yield
    finally:
        for context in contexts:
            await context.close()


async def cost(pid: int, seconds: float) -> tuple[float, float]:
    """Shares of a core of the server, and of the browser's processes together."""
    ours = {os.getpid(), pid}
    before, browsing, began = processor_seconds(pid), browser_seconds(ours), time.monotonic()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    return (processor_seconds(pid) - before) / passed, (browser_seconds(ours) - browsing) / passed


def browser_seconds(ours: set[int]) -> float:
    """Of everything that this process started, but the servers."""
    parents: dict[int, int] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    total = 0.0
    for pid in parents:
        up = pid
        while up in parents and up not in ours:
            up = parents[up]
        if up == os.getpid() and pid not in ours:
            total += processor_seconds(pid)
    return total


def processor_seconds(pid: int) -> float:
    """User and system time of a process; 0 for one that is gone."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0


def memory(pid: int) -> float:
    """Its share of memory, in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def answering(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(600):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise SystemExit("the server does not answer")


@dataclass
class Way:
    """A place between browser and server that counts what comes to the browser."""

    url: str
    bytes: int = 0


@contextlib.asynccontextmanager
async def counting(port: int) -> AsyncIterator[Way]:
    """Passes everything on, in both directions; what other programs of this machine fetch is not counted."""
    way = Way("")
    browsers: set[asyncio.StreamWriter] = set()
    back_of: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                way.bytes += len(data) * (count and writer in browsers)
                if not count and b"\nuser-agent: mozilla" in data.lower():
                    browsers.add(back_of[writer])
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", port)
            back_of[back] = writer
            await asyncio.gather(pump(reader, back, count=False), pump(there, writer, count=True))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    way.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield way
    finally:
        server.close()


async def serve(state: Path, port: int, nodes: int, gpus: int) -> None:
    """The hub with its pages; every number of every node is another one each second."""
    hub = make_fleet(state, time.time(), nodes, gpus)
    config = hub.wiring.config
    config = replace(config, hub=replace(config.hub, listen=(f"127.0.0.1:{port}",)))
    hub = replace(hub, faces=(Web(),), wiring=replace(hub.wiring, config=config))
    await Answering().do(hub, time.time())
    assert find_hub_door(state) is not None
    step = 0
    while True:
        step += 1
        for number in range(nodes):
            put_numbers(hub, f"node{number:02d}", time.time(), gpus, number)
            hub.table.put(Batch(node=f"node{number:02d}", at=time.time(), readings=make_readings(number, gpus, step)))
        await asyncio.sleep(1)


def make_readings(number: int, gpus: int, step: int) -> list[Reading]:
    """What differs from second to second."""
    name = f"node{number:02d}"
    rows: list[Reading] = [(SeriesKey("host.cpu_busy_ratio", str(node(name))), 0.4 + 0.3 * math.sin(step / 3 + number))]
    for gpu in range(gpus):
        wave, subject = math.sin(step / 4 + number * 3 + gpu), str(device(name, gpu))
        rows += [
            (SeriesKey("device.utilisation_ratio", subject), 0.5 + 0.45 * wave),
            (SeriesKey("device.memory_used_bytes", subject), 2**30 * (12 + 9 * wave)),
            (SeriesKey("device.temperature_celsius", subject), 60 + 12 * wave),
            (SeriesKey("device.power_watts", subject), 200 + 90 * wave),
        ]
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
