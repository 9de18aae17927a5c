#!/usr/bin/env python3
"""What clients notice when something breaks behind the gateway: python benchmarks/gateway_faults.py [--json]

Two engines, A and B; A is well, B is broken in one way after the other. Each way has a gateway of its own, which has
served some requests before. Engines and clients are in this process, the gateway is one of its own, all on loopback.

    hang-up     a client leaves: milliseconds until the engine that works for it sees that, in four phases
    refusing    B answers 503 at once: errors that clients see, requests that B gets before it is left out
    hanging     B takes requests and never answers: the same, and the slowest answer
    dead        B's port is closed: the same
    mid-stream  B cuts each stream after eight words: whether clients are told, and how many streams end falsely
    back        B listens again: seconds until it is given work, with no look at its health to help
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from time import perf_counter

import uvloop
from faults.client import Volley, asked, volley
from faults.engine import MODEL, Engine

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.routing import Replica
from keepwell.store.folder import replace_private

#: Hang-ups of each phase; requests of each volley, by how many clients.
HANG_UPS, REQUESTS, AT_ONCE = 20, 200, 8
#: Seconds until something that never happens is given up.
PATIENCE = 10.0
Row = dict[str, object]


def main() -> int:
    """Measure all and print; 1 where a stream ended falsely or a hang-up did not reach its engine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument(
        "--only", action="append", choices=sorted(PROBES), help="only these (more than one may be given)"
    )
    options = parser.parse_args()
    rows: list[Row] = []
    for name, probe in PROBES.items():
        if not options.only or name in options.only:
            found = uvloop.run(run_probe(probe))
            rows += found
            for row in found:
                print(render(row, as_json=options.json), flush=True)
    return int(any(row.get("false_ends") or row.get("not_seen") for row in rows))


def render(row: Row, *, as_json: bool) -> str:
    """One line."""
    if as_json:
        return json.dumps(row)
    rest = {name: value for name, value in row.items() if name != "what"}
    return f"{row['what']:<34} " + "  ".join(f"{name} {value}" for name, value in rest.items())


async def run_probe(probe: Callable[[Place], Awaitable[list[Row]]]) -> list[Row]:
    """With two engines and a gateway that has served."""
    async with serving() as place:
        await volley(place.port, 40, 4)
        return await probe(place)


class Place:
    """Where the gateway listens, and the engines behind it."""

    def __init__(self, port: int, a: Engine, b: Engine) -> None:
        self.port = port
        self.a = a
        self.b = b

    @property
    def working(self) -> int:
        """Requests that the engines work on."""
        return self.a.working + self.b.working


@contextlib.asynccontextmanager
async def serving(limit: int = 0) -> AsyncIterator[Place]:
    """Two engines and a gateway."""
    a, b = Engine(), Engine()
    await a.start()
    await b.start()
    with tempfile.TemporaryDirectory() as folder:
        port = await find_port()
        replicas = [
            Replica(
                id=f"box/{name}",
                node="box",
                host="127.0.0.1",
                port=one.port,
                dialects=frozenset({"openai"}),
                limit=limit,
            )
            for name, one in (("a", a), ("b", b))
        ]
        route = Route(name=MODEL, replicas={one.id: MODEL for one in replicas})
        settings = Settings(port=port, replicas=tuple(replicas), routes=(route,))
        replace_private(Path(folder) / SETTINGS_FILE, render_settings(settings))
        argv = [sys.executable, "-m", "keepwell.gateway.serve", folder]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            await asyncio.to_thread(process.stdout.readline)
            yield Place(port, a, b)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)
            process.stdout.close()
            await a.stop()
            await b.stop()


async def find_port() -> int:
    """One that nobody has now."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def hang_up(place: Place) -> list[Row]:
    """In three phases; in the queue there is no engine yet, so the next row tells that it never gets any."""
    rows = []
    for what, stream, first in (
        ("streamed", True, 0.05),
        ("before the first word", True, 30.0),
        ("not streamed", False, 0.05),
    ):
        lags = [await _leave(place, stream=stream, first=first) for _ in range(HANG_UPS)]
        seen = sorted(one for one in lags if one >= 0)
        row: Row = {"what": f"hang-up, {what}", "seen": f"{len(seen)} of {HANG_UPS}", "not_seen": HANG_UPS - len(seen)}
        if seen:
            row |= {"p50_ms": round(seen[len(seen) // 2], 1), "max_ms": round(seen[-1], 1)}
        rows.append(row)
    return [*rows, await leave_queue()]


async def _leave(place: Place, *, stream: bool, first: float) -> float:
    """Milliseconds from leaving until the engine knows; -1 if it never does."""
    for one in (place.a, place.b):
        one.be(first=first, between=0.05)
    async with asked(place.port, stream=stream) as (reader, writer):
        await until(lambda: place.working == 1)
        if stream and first < 1:
            await reader.readuntil(b"w002")
        left_at = perf_counter()
        writer.close()
        if not await until(lambda: bool(place.a.left or place.b.left)):
            return -1.0
    return ((place.a.left or place.b.left)[0] - left_at) * 1000


async def leave_queue() -> Row:
    """Requests that leave the queue of replicas that can do one at a time."""
    async with serving(limit=1) as place:
        for one in (place.a, place.b):
            one.be("hang")
        async with asked(place.port, stream=True), asked(place.port, stream=True):
            await until(lambda: place.working == 2)
            for _ in range(HANG_UPS):
                async with asked(place.port, stream=True):
                    await asyncio.sleep(0.01)
        await until(lambda: place.working == 0)
        reached = place.a.asked + place.b.asked - 2
        return {"what": "hang-up, in the queue", "reached_an_engine": f"{reached} of {HANG_UPS}", "not_seen": reached}


async def refuse(place: Place) -> list[Row]:
    """B says 503 at once, and looks idle for it."""
    place.a.be(first=0.04)
    place.b.be("refuse")
    return [_row("refusing", place, await volley(place.port, REQUESTS, AT_ONCE))]


async def hang(place: Place) -> list[Row]:
    """B never answers."""
    place.a.be()
    place.b.be("hang")
    return [_row("hanging", place, await volley(place.port, REQUESTS, AT_ONCE, limit=PATIENCE))]


async def die(place: Place) -> list[Row]:
    """B is gone, and comes back."""
    well = await volley(place.port, REQUESTS, AT_ONCE)
    await place.b.stop()
    place.b.be()
    dead = await volley(place.port, REQUESTS, AT_ONCE)
    row = _row("dead", place, dead)
    row["p99_ms_when_well"] = round(well.slowest(0.99), 1)
    await place.b.start()
    place.b.be()
    back_at = perf_counter()
    while not place.b.asked and perf_counter() - back_at < PATIENCE:
        await volley(place.port, 4, 4)
        await asyncio.sleep(0.02)
    return [row, {"what": "back", "used_after_s": round(perf_counter() - back_at, 2)}]


async def drop(place: Place) -> list[Row]:
    """B cuts every stream in the middle."""
    place.a.be(between=0.002)
    place.b.be("drop", between=0.002)
    made = await volley(place.port, REQUESTS, AT_ONCE, stream=True)
    cut = REQUESTS - made.outcomes["well"]
    row: Row = {"what": "mid-stream", "cut": cut, "told": made.outcomes["told"], "hits": place.b.asked}
    return [{**row, "false_ends": made.outcomes["false end"] + made.outcomes["200"], "outcomes": dict(made.outcomes)}]


def _row(what: str, place: Place, made: Volley) -> Row:
    outcomes, errors = made.outcomes, made.errors
    row: Row = {"what": what, "client_errors": f"{errors} of {outcomes.total()}", "hits": place.b.asked}
    row |= {
        "p50_ms": round(made.slowest(0.5), 1),
        "p99_ms": round(made.slowest(0.99), 1),
        "max_ms": round(made.slowest(1), 1),
    }
    if errors:
        row["outcomes"] = dict(outcomes)
    return row


async def until(predicate: Callable[[], bool]) -> bool:
    """True once it is so, False if it is not within `PATIENCE`."""
    deadline = perf_counter() + PATIENCE
    while not predicate():
        if perf_counter() > deadline:
            return False
        await asyncio.sleep(0.001)
    return True


PROBES: dict[str, Callable[[Place], Awaitable[list[Row]]]] = {
    "hang-up": hang_up,
    "refusing": refuse,
    "hanging": hang,
    "dead": die,
    "mid-stream": drop,
}


if __name__ == "__main__":
    sys.exit(main())
