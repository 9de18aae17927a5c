#!/usr/bin/env python3
"""What a translated stream costs the gateway, end to end: python benchmarks/translation.py

    --streams N    streams of each measurement (64 words each)
    --rounds N     each is measured so often, the best counts
    --json         every figure instead of the table

As `benchmarks/gateway.py`: the data plane on the first of two cores with a key, a route, the record and the counts; a
fake engine and the client on the other; every answer is checked. A chunk is one word, an event of the engine's and one
of the client's. Processor time of the gateway a chunk, and how many a second one core does by that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from gateways.client import CHAT, LINES, MESSAGES, Load, run_load
from gateways.engine import MODEL, WORDS
from gateways.peers import AUTHORIZATION, BENCHMARKS, SECRET
from gateways.processes import describe_machine, read_use, start, stop, wait_for

from gateway import find_free_port
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.dialect import Offered
from keepwell.plugins.routing import Replica
from keepwell.store.folder import make_private_folder
from keepwell.store.keys import Key, add_key

#: Streams at once, and before anything is measured.
CONNECTIONS, WARM = 16, 200
#: The goal.
CHUNKS_PER_SECOND = 50_000
#: What is measured: the client's path, and what the engine speaks.
CASES = (
    *((CHAT, "openai"), (LINES, "openai"), (MESSAGES, "openai")),
    *((CHAT, "ollama"), (LINES, "ollama"), (MESSAGES, "ollama")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case. `chunk_us` is processor time of the gateway a chunk; `wrong` counts answers that were not whole."""

    path: str
    spoken: str
    chunk_us: float
    per_core: float
    per_second: float
    wrong: int


def main() -> int:
    """Measure all, print, and 0; 1 where an answer was wrong or the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench") as top:
        for number, (path, spoken) in enumerate(CASES):
            folders = [Path(top) / f"{number}-{each}" for each in range(options.rounds)]
            found = [measure(folder, path, spoken, cores, options.streams) for folder in folders]
            rows.append(min(found, key=lambda one: one.chunk_us))
    if options.json:
        print(json.dumps([asdict(one) for one in rows], indent=1))
    else:
        print(describe_machine(), *map(render, rows), sep="\n")
    return int(any(one.wrong or one.per_core < CHUNKS_PER_SECOND for one in rows))


def measure(folder: Path, path: str, spoken: str, cores: list[int], streams: int) -> Row:
    """One case, with an engine and a gateway of its own."""
    folder.mkdir()
    engine_port, port = find_free_port(), find_free_port()
    argv = [sys.executable, str(BENCHMARKS / "gateways" / "engine.py"), str(engine_port)]
    engine = start(argv, cores[-1], log=folder / "engine.log", environment={"PYTHONPATH": str(BENCHMARKS)})
    try:
        wait_for(f"http://127.0.0.1:{engine_port}/v1/models", {}, engine)
        prepare(folder, port, engine_port, spoken)
        argv = [sys.executable, "-m", "keepwell.gateway.serve", str(folder)]
        gateway = start(argv, cores[0], log=folder / "gateway.log", environment={})
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/models", AUTHORIZATION, gateway)
            load = Load(port=port, secret=SECRET, connections=CONNECTIONS, requests=WARM, stream=True, path=path)
            uvloop.run(run_load(load))
            before = read_use(gateway.pid).seconds
            load = Load(port=port, secret=SECRET, connections=CONNECTIONS, requests=streams, stream=True, path=path)
            found = uvloop.run(run_load(load))
            cost = (read_use(gateway.pid).seconds - before) / (streams * WORDS)
        finally:
            stop(gateway)
    finally:
        stop(engine)
    wrong = found.failed + found.broken + found.uncounted
    per_second = WORDS * len(found.whole) / found.seconds
    return Row(path=path, spoken=spoken, chunk_us=1e6 * cost, per_core=1 / cost, per_second=per_second, wrong=wrong)


def prepare(folder: Path, port: int, engine_port: int, spoken: str) -> None:
    """A data plane's state folder: one engine that speaks this alone, one route, one key."""
    replica = Replica(id="bench/engine", node="bench", host="127.0.0.1", port=engine_port, dialects=frozenset({spoken}))
    settings = Settings(
        port=port,
        key_required=True,
        replicas=(replica,),
        routes=(Route(name=MODEL, replicas={replica.id: MODEL}),),
        offered=(Offered(name=MODEL),),
    )
    settings_file = folder / SETTINGS_FILE
    make_private_folder(settings_file.parent)
    settings_file.write_bytes(render_settings(settings))
    add_key(folder, Key(name="bench", digest=hashlib.sha256(SECRET.encode()).hexdigest()))


def render(row: Row) -> str:
    """A line."""
    return (
        f"{row.path:22} > {row.spoken:7} {row.chunk_us:6.2f} us a chunk, {row.per_core:9,.0f} chunks/s on one core, "
        f"{row.per_second:9,.0f} seen by the client, {row.wrong} wrong"
    )


if __name__ == "__main__":
    sys.exit(main())
