"""What the node did while it was measured: power, clocks, use of devices and processor, the model's split.

Read by the collectors of keepwell, which wake nothing, once a second in a thread of its own, of an engine on this
machine alone. A look takes about 4 ms of a core.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from keepwell.app.benching.aiming import Target
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring
from keepwell.bench.node_numbers import WATCHED, sum_up
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.core.series import Batch
from keepwell.plugins.engine import ReportsLoaded
from keepwell.plugins.recognise import load_engines
from keepwell.telemetry.rounds import Plan, Sample
from keepwell.telemetry.sampling import Sampler, load_collectors

#: The share of a model that lies in devices' memory, in `Result.meanwhile`.
SPLIT = "model_on_device_ratio"
#: Seconds for the engine to tell what it holds in memory.
ASK_SECONDS = 5.0


@dataclass(slots=True)
class Seen:
    """What was read so far; `numbers` once it is over."""

    batches: list[Batch] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)


@asynccontextmanager
async def watching(caller: Caller, wiring: Wiring, target: Target) -> AsyncIterator[Seen]:
    """Read while the block runs; `numbers` are there behind it."""
    seen = Seen()
    if not target.aim.node or target.aim.node != wiring.hands.name:
        yield seen
        return
    sampler = await asyncio.to_thread(_start, caller, wiring, target, seen)
    try:
        yield seen
    finally:
        await asyncio.to_thread(sampler.close)
    seen.numbers = sum_up(seen.batches) | await _find_split(wiring, target)


def _start(caller: Caller, wiring: Wiring, target: Target, seen: Seen) -> Sampler:
    known = load_collectors(here=True).items()
    wanted = {name: one for name, one in known if WATCHED.intersection(one.gives)}
    node = wiring.hands.name

    def take(sample: Sample) -> None:
        seen.batches.append(sample.batch(node))

    sampler = Sampler(Plan(node=node, collectors=wanted, tell=caller.note), wiring.clock, take)
    if target.pid:
        sampler.watch({target.pid: target.aim.engine})
    sampler.start()
    return sampler


async def _find_split(wiring: Wiring, target: Target) -> dict[str, float]:
    """Which part of the model its engine has on devices, once it was asked; {} where it does not tell."""
    plugin: object = load_engines().get(target.aim.kind)
    if target.site is None or not isinstance(plugin, ReportsLoaded):
        return {}
    with suppress(AccessError, TimeoutError):
        async with asyncio.timeout(ASK_SECONDS):
            loaded = await plugin.loaded(target.site, wiring.hands)
        if isinstance(loaded, Missing):
            return {}
        for one in loaded:
            if one.name == target.aim.model and one.size_bytes and not isinstance(one.gpu_bytes, Missing):
                return {SPLIT: one.gpu_bytes / one.size_bytes}
    return {}
