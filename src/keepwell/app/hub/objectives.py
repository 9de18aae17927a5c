"""The hub's duty of objectives: counts what came, judges, and pins what it found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial

from keepwell.app.hub.duty import Hub
from keepwell.app.objective_minutes import Minutes
from keepwell.app.probing import Probing
from keepwell.config.objective_model import OF_MINUTES, ObjectiveEntry
from keepwell.core.finding import Finding
from keepwell.formats.prometheus import Family
from keepwell.slo.counting import add_minutes, add_probes, count_requests, digests_of, gather
from keepwell.slo.finding import make_finding
from keepwell.slo.judge import State, judge_objective
from keepwell.slo.recording import make_families
from keepwell.store.request_log import RequestLog
from keepwell.store.tallies import TALLIES_FILE, Tallies

#: Under which name its findings are pinned.
SOURCE = "objectives"
#: Seconds between two times that old minutes are let go of.
TIDY_SECONDS = 3600.0
#: Goes over the log at once: a million requests, some seconds of a thread. More wait for the next time.
GOES = 20


class Objectives:
    """Findings `slo.<name>`; Sloth's names on the hub's page."""

    name = "objectives"
    every_seconds = 15.0

    def __init__(self) -> None:
        self._tallies: Tallies | None = None
        self._states: list[State] = []
        self._minutes = Minutes()
        self._probing = Probing()
        self._tidied = 0.0
        self._offered = False

    async def do(self, hub: Hub, now: float) -> None:
        """Count, judge and pin. Raises AccessError where the log or the tallies cannot be reached."""
        objectives = hub.wiring.config.objectives
        if not objectives:
            self._states = []
            hub.board.pin(SOURCE, (), now)
            return
        if not self._offered:
            hub.families.append(self._families)
            self._offered = True
        if self._tallies is None:
            self._tallies = await asyncio.to_thread(Tallies, hub.state / TALLIES_FILE)
        for one in objectives:
            if one.indicator in OF_MINUTES:
                for minute, good, bad in await self._minutes.look(one, hub, now):
                    await asyncio.to_thread(add_minutes, self._tallies, one, minute, good, bad)
        for one in objectives:
            if one.probes and (over := await self._probing.ask(one, hub, now)):
                await asyncio.to_thread(add_probes, self._tallies, one, *over)
        self._states = await asyncio.to_thread(self._count, hub.requests, self._tallies, objectives, now)
        hub.board.pin(SOURCE, tell_states(self._states, now, hub.here), now)

    async def close(self) -> None:
        """Let go of the file."""
        if self._tallies is not None:
            self._tallies.close()
            self._tallies = None

    def _count(
        self, log: RequestLog, tallies: Tallies, objectives: tuple[ObjectiveEntry, ...], now: float
    ) -> list[State]:
        for _ in range(GOES):
            if not count_requests(tallies, log, objectives, now).left:
                break
        if now - self._tidied > TIDY_SECONDS:
            self._tidied = now
            tallies.drop(now, digests_of(objectives))
        bad = {one.objective.name for one in self._states if one.told}
        judge = partial(_judge, tallies, now, bad)
        return [judge(one) for one in objectives]

    def _families(self, now: float) -> Iterable[Family]:
        return make_families(self._states)


def tell_states(states: Iterable[State], now: float, home: str) -> Iterator[Finding]:
    """A finding each."""
    for one in states:
        yield make_finding(one, now, home=home)


def _judge(tallies: Tallies, now: float, bad: set[str], objective: ObjectiveEntry) -> State:
    return judge_objective(objective, gather(tallies, objective, now), now, already=objective.name in bad)
