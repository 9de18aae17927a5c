"""The hub's duty of trends: what fills up and what stepped, worked out now and then, pinned, and kept for diagnosis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

from keepwell.app.hub.duty import Hub
from keepwell.app.remembering import recall_changes
from keepwell.app.trends import look_rooms, look_steps, make_observations
from keepwell.core.finding import Check, Finding
from keepwell.core.observation import Observation, Seen
from keepwell.plugins import registry
from keepwell.store.trends import save_trends

#: Under which name its findings are pinned.
SOURCE = "trends"
#: The file of the checks that judge it.
CHECKS = "trend"


class Trends:
    """Findings `trend.rooms` and `trend.steps`."""

    name = "trends"
    every_seconds = 600.0

    async def do(self, hub: Hub, now: float) -> None:
        """Work out and pin. Raises AccessError where a log cannot be reached or nothing can be kept."""
        observations = await asyncio.to_thread(work_out, hub, now)
        hub.board.pin(SOURCE, judge_trends(observations), now)
        await asyncio.to_thread(save_trends, hub.state, observations)

    async def close(self) -> None:
        """Nothing is held."""


def work_out(hub: Hub, now: float) -> list[Observation]:
    """All that the logs tell. Costs some milliseconds for each series."""
    rooms = list(look_rooms(hub.series, now))
    steps = look_steps(hub.requests, hub.series, now, partial(recall_changes, hub.state))
    return list(make_observations(rooms, steps, hub.here, now))


def judge_trends(observations: list[Observation]) -> Iterator[Finding]:
    """What the checks say of them."""
    checks = registry.load("checks", CHECKS)
    assert isinstance(checks, tuple)
    seen = Seen(observations)
    for one in checks:
        assert isinstance(one, Check)
        yield from one.judge(seen)
