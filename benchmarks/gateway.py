#!/usr/bin/env python3
"""What the gateway costs, beside nginx, vllm-router, smg, LiteLLM and a bare proxy: python benchmarks/gateway.py

    --short          a few seconds for each, no paced streams
    --long           also 1,000,000 requests through keepwell: does it slow down or grow?
    --only NAME      only these (more than one may be given); keepwell and vllm-router make most of the comparison
    --path FOLDER    where programs of others are looked for after PATH (more than one may be given)
    --rounds N       each is measured so often, the best counts: whatever else runs on the machine only slows
    --steps          nothing of this, but what its own code costs a request, function by function
    --page FILE      put the table between the two marks of this page
    --json FILE      every figure, "-" for standard output instead of the table

The gateway runs on the first of two cores, a fake engine and the client on the other, all on loopback. Each one of a
kind has one worker. keepwell runs as it is used: a key, a route, the record and the counts; the others as they come.
Processor time of a request is the figure to compare: it hardly depends on what else the machine does. Every answer
is checked: all of its numbered words, in order, once, then its end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import uvloop
from gateways.client import Load, run_load
from gateways.peers import AUTHORIZATION, BENCHMARKS, PEERS, SECRET, Peer, Place, set_pace
from gateways.processes import describe_machine, read_use, start, stop, wait_for
from gateways.report import Row, judge, merge, render_bars, render_table
from gateways.steps import measure as measure_steps

#: Requests over 1, 16 and 64 connections; streams at once; streams at a person's pace.
REQUESTS = {1: 3000, 16: 16000, 64: 16000}
STREAMS, PACED = 1600, (64, 256)
#: Seconds to the first word of a paced stream, and between words.
PACE = (0.1, 0.02)
#: Requests before anything is measured, and one part in so many for --short and for the slow ones.
WARM, SHORT, SLOW = 400, 8, 20
#: The long run: requests in all, and how many are measured at its beginning and its end.
LONG, PART = 1_000_000, 50_000
#: What stands before and after the figures of a page.
MARK = "<!-- figures of benchmarks/gateway.py -->"


def main() -> int:
    """Measure all, print, and 0; 1 where an answer was wrong or missing."""
    options = parse_options()
    if options.steps:
        print(asyncio.run(measure_steps()))
        return 0
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    rows: dict[str, Row] = {}
    missing = []
    folders = os.pathsep.join(options.path)
    chosen = [one for one in PEERS if not options.only or one.name in options.only]
    with tempfile.TemporaryDirectory(prefix="bench") as top:
        engine_port = find_free_port()
        argv = [sys.executable, str(BENCHMARKS / "gateways" / "engine.py"), str(engine_port)]
        environment = {"PYTHONPATH": str(BENCHMARKS)}
        engine = start(argv, cores[-1], log=Path(top) / "engine.log", environment=environment)
        try:
            wait_for(f"http://127.0.0.1:{engine_port}/v1/models", {}, engine)
            if not options.only:
                rows["direct"] = uvloop.run(measure("direct", engine_port, engine.pid, engine_port, options, 1))
            for number in range(options.rounds):
                for peer in chosen:
                    program = peer.find(folders)
                    if not program:
                        missing.append(f"{peer.name}: not installed: {peer.instruction}")
                        continue
                    place = Place(port=find_free_port(), engine=engine_port, folder=Path(top) / f"{peer.name}-{number}")
                    try:
                        row = run_peer(peer, program, place, cores[0], options)
                        options.long = options.long and peer.name != "keepwell"  # once is enough
                    except (TimeoutError, ChildProcessError) as error:
                        missing.append(f"{peer.name}: {error}")
                        continue
                    rows[peer.name] = merge(rows.get(peer.name), row)
        finally:
            stop(engine)
    print_all(rows, sorted(set(missing)), options)
    return int(any(row.wrong for row in rows.values()))


def parse_options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--only", action="append", default=[], choices=[one.name for one in PEERS])
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--page", default="")
    parser.add_argument("--json", default="")
    return parser.parse_args()


def run_peer(peer: Peer, program: str, place: Place, core: int, options: argparse.Namespace) -> Row:
    """Start one, measure it, end it."""
    place.folder.mkdir()
    argv = peer.command(program, place)
    running = start(argv, core, log=place.folder / "log", environment=dict(peer.environment))
    try:
        seconds = wait_for(f"http://127.0.0.1:{place.port}/v1/models", AUTHORIZATION, running)
        divisor = SLOW if peer.slow else 1
        row = uvloop.run(measure(peer.name, place.port, running.pid, place.engine, options, divisor))
        row.start_seconds = seconds
        if options.long and peer.name == "keepwell":
            uvloop.run(measure_long(row, place.port, running.pid))
        return row
    except ChildProcessError as error:
        tail = (place.folder / "log").read_text(errors="replace")[-2000:]
        raise ChildProcessError(f"{error}\n{tail}") from error
    finally:
        stop(running)


async def measure(
    name: str, port: int, process: int, engine_port: int, options: argparse.Namespace, divisor: int
) -> Row:
    """Everything but the long run."""
    row = Row(name=name, idle_mib=read_use(process).mib)
    if options.short:
        divisor *= SHORT
    await run_load(Load(port=port, secret=SECRET, connections=16, requests=max(16, WARM // divisor)))
    for connections, requests in REQUESTS.items():
        requests = max(requests // divisor, connections)
        before = read_use(process).seconds
        found = await run_load(Load(port=port, secret=SECRET, connections=connections, requests=requests))
        row.add_requests(connections, found, (read_use(process).seconds - before) / requests)
    for counts in (True, False):
        requests = max(STREAMS // divisor, 16)
        before = read_use(process).seconds
        load = Load(port=port, secret=SECRET, connections=16, requests=requests, stream=True, counts=counts)
        row.add_streams(counts, await run_load(load), (read_use(process).seconds - before) / requests)
    if not options.short:
        await _pace(engine_port, *PACE)
        for connections in PACED:
            load = Load(port=port, secret=SECRET, connections=connections, requests=2 * connections, stream=True)
            row.add_paced(connections, await run_load(load))
        await _pace(engine_port, 0, 0)
    row.used_mib = read_use(process).mib
    return row


async def measure_long(row: Row, port: int, process: int) -> None:
    """Requests and requests: how fast are the last ones, and what has grown since the first ones."""
    load = Load(port=port, secret=SECRET, connections=16, requests=PART)
    costs, sizes = [], []
    for requests in (PART, LONG - 2 * PART, PART):
        before = read_use(process).seconds
        load = Load(port=port, secret=SECRET, connections=16, requests=requests)
        found = await run_load(load)
        row.wrong += found.failed + found.broken
        costs.append((read_use(process).seconds - before) / requests)
        sizes.append(read_use(process).mib)
    row.long_slower = costs[-1] / costs[0] - 1
    row.long_grown_mib = sizes[-1] - sizes[0]


async def _pace(port: int, first: float, between: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(set_pace(port, first, between))
    await reader.readuntil(b"{}")
    writer.close()


def find_free_port() -> int:
    """Two in a row that nobody has: some gateways want a second one."""
    while True:
        with closing(socket.socket()) as one, closing(socket.socket()) as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def print_all(rows: dict[str, Row], missing: list[str], options: argparse.Namespace) -> None:
    """The table and what holds, or JSON."""
    bars = judge(rows)
    if options.json:
        found = {"rows": [row.to_json() for row in rows.values()], "missing": missing, "bars": bars}
        if options.json == "-":
            print(json.dumps(found, indent=1))
            return
        Path(options.json).write_text(json.dumps(found, indent=1))
    text = render_table(list(rows.values())) + "\n\n" + render_bars(bars)
    if missing:
        text += "\n\n" + "\n".join(missing)
    print(text)
    if options.page:
        page = Path(options.page)
        before, mark, rest = page.read_text().partition(MARK)
        page.write_text(before + mark + f"\n{describe_machine()}\n\n{text}\n\n" + MARK + rest.partition(MARK)[2])


if __name__ == "__main__":
    sys.exit(main())
