"""The hub's duty of benchmarks: what became worse than its baseline is pinned, so that people are told."""

from __future__ import annotations

import asyncio

from keepwell.app.benching.regressions import find_regressions
from keepwell.app.hub.duty import Hub
from keepwell.store.bench_baselines import load_bench_baselines

#: Under which name its findings are pinned.
SOURCE = "benchmarks"


class Benchmarks:
    """Findings `bench.regressed`, of the newest verdict against each baseline."""

    name = "benchmarks"
    every_seconds = 60.0

    async def do(self, hub: Hub, now: float) -> None:
        """Read the verdicts; a benchmark itself is run by whoever runs it, never by the hub."""
        found = await asyncio.to_thread(load_bench_baselines, hub.state)
        hub.board.pin(SOURCE, find_regressions(found.baselines, now), now)

    async def close(self) -> None:
        """Nothing is held."""
