"""What the gateway's own code costs a request, without sockets: `python benchmarks/gateway.py --steps`.

A client's and an engine's connection are called as the event loop would call them, with transports that only count.
The rest of a request's cost is the kernel's and the event loop's: four system calls and what leads to them.
"""

from __future__ import annotations

import asyncio
import cProfile
import hashlib
import io
import pstats
import sys
import tempfile
import time
from pathlib import Path

from gateways.client import Load, render_requests
from gateways.engine import MODEL, Engine
from gateways.peers import SECRET
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.plane import Plane
from keepwell.gateway.record.recorder import Recorder
from keepwell.gateway.settings import Settings
from keepwell.plugins.dialect import Offered
from keepwell.plugins.routing import Replica
from keepwell.store.keys import Key
from keepwell.wire.outbound import Outbound

#: Requests of one measurement, measurements (the best counts), lines of the profile.
REQUESTS, TIMES, LINES = 400, 60, 40


class Sent(asyncio.Transport):
    """A transport that keeps what was written last."""

    def __init__(self) -> None:
        super().__init__()
        self.last = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Instead of a system call."""
        self.last = bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever kept."""

    def is_closing(self) -> bool:
        """Never."""
        return False


def make_plane(folder: Path) -> Plane:
    """A data plane with one engine, one route, one key."""
    replica = Replica(id="bench/engine", node="bench", host="127.0.0.1", port=1, dialects=frozenset({"openai"}))
    settings = Settings(
        key_required=True,
        replicas=(replica,),
        routes=(Route(name=MODEL, replicas={replica.id: MODEL}),),
        offered=(Offered(name=MODEL),),
    )
    plane = Plane(settings, Recorder(folder / "requests.db"))
    plane.admit((Key(name="bench", digest=hashlib.sha256(SECRET.encode()).hexdigest()),))
    return plane


async def measure() -> str:
    """Microseconds of a request that is not streamed, and where they go."""
    with tempfile.TemporaryDirectory() as folder:
        plane = make_plane(Path(folder))
        client, written = plane.make_client(), Sent()
        client.connection_made(written)
        engine = Outbound()
        engine.connection_made(Sent())
        pool = plane.gate.make_pool("bench/engine")
        pool.put_back(engine)
        requests = render_requests(Load(port=1, secret=SECRET, connections=1, requests=1))
        answered = Sent()
        fake = Engine()
        fake.connection_made(answered)
        fake.data_received(requests[0])

        def run(times: int) -> None:
            for number in range(times):
                client.data_received(requests[number % len(requests)])
                engine.data_received(answered.last)

        run(REQUESTS)
        if not written.last.endswith(answered.last[-80:]):
            raise SystemExit(f"no answer came through: {written.last[:300]!r}")
        costs = []
        for _ in range(TIMES):
            before = time.process_time()
            run(REQUESTS)
            costs.append((time.process_time() - before) / REQUESTS)
        profile = cProfile.Profile()
        profile.runcall(run, 10 * REQUESTS)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(LINES)
    return f"{1e6 * min(costs):.1f} us a request, without sockets and without the record's thread\n{text.getvalue()}"


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(measure()))
