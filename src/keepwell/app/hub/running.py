"""Runs the hub's duties, each in a task of its own: one that fails, hangs or cannot be loaded harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from keepwell.app.hub.duties import make_duty
from keepwell.app.hub.duty import Duty, Hub, Standing
from keepwell.app.hub.failing import describe_end, describe_failure
from keepwell.config.model import Config
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import node, service
from keepwell.core.series import Batch, Reading, SeriesKey

#: Seconds before a duty that failed is done again: at least its own pace, doubled each time up to the longest.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
#: Seconds after which a duty is told to give up: the longest one (a survey of a node) is given up by itself after 60.
LIMIT_SECONDS = 300.0
#: Seconds for a duty to end once it was told to, and to close.
CANCEL_SECONDS, CLOSE_SECONDS = 5.0, 5.0
#: Failures in a row from which on the owner is alerted: one may be a busy moment.
FAILURES = 3
#: Seconds for which a failure that was told is not told again.
QUIET_SECONDS = 3600.0


class Runner:
    """`hub` is given to every duty at each call; `settle` puts another configuration into it."""

    def __init__(
        self, hub: Hub, names: Sequence[str] = (), duties: Sequence[Duty] = (), *, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self.hub = hub
        self._pause = pause_seconds
        self._names = names
        self._duties = list(duties)

    def settle(self, config: Config) -> None:
        """From now on duties get this configuration."""
        self.hub = replace(self.hub, wiring=replace(self.hub.wiring, config=config))

    async def run(self) -> None:
        """Do them until cancelled, then close them."""
        for name in self._names:
            loading = asyncio.create_task(asyncio.to_thread(make_duty, name))
            await asyncio.wait((loading,))
            self._take(name, loading)
        tasks = [asyncio.create_task(self._keep(one), name=one.name) for one in self._duties]
        try:
            await asyncio.Event().wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    def _take(self, name: str, loading: asyncio.Task[Duty]) -> None:
        error = loading.exception()
        if error is None:
            self._duties.append(loading.result())
            return
        standing = Standing(name=name, every_seconds=0.0, problem=describe_failure(error), failures=1, row=FAILURES)
        self.hub.standings[name] = standing
        self.hub.tell(f"hub: {name} cannot be loaded and is left out: {standing.problem}")
        self._pin()

    async def _keep(self, duty: Duty) -> None:
        standing = self.hub.standings[duty.name] = Standing(name=duty.name, every_seconds=duty.every_seconds)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            problem = await self._do(duty, standing)
            standing.seconds, standing.at = loop.time() - began, self.hub.wiring.clock.now()
            self._note(standing, problem)
            pause = duty.every_seconds - standing.seconds
            if problem:
                grown = self._pause * 2.0 ** min(standing.row - 1, 10)
                pause = max(duty.every_seconds, min(grown, LONGEST_PAUSE_SECONDS))
            await asyncio.sleep(max(0.0, pause))

    async def _do(self, duty: Duty, standing: Standing) -> str:
        """Once; why it failed, or ""."""
        doing = asyncio.create_task(duty.do(self.hub, self.hub.wiring.clock.now()), name=duty.name)
        try:
            await asyncio.wait((doing,), timeout=max(LIMIT_SECONDS, 3 * duty.every_seconds))
            if doing.done():
                return describe_end(doing)
            late = f"not done within {max(LIMIT_SECONDS, 3 * duty.every_seconds):g} s"
            doing.cancel()
            while not doing.done():
                await asyncio.wait((doing,), timeout=CANCEL_SECONDS)
                if not doing.done():
                    self._note(standing, f"{late}, and does not give up")
            return late
        finally:
            doing.cancel()

    def _note(self, standing: Standing, problem: str) -> None:
        """Keep, tell and count how it came out."""
        self._tell(standing, problem)
        changed = bool(problem) or bool(standing.problem)
        standing.problem = problem
        standing.failures += bool(problem)
        standing.row = (standing.row + 1) * bool(problem)
        self.hub.table.put(Batch(node=self.hub.here, at=self.hub.wiring.clock.now(), readings=self._readings(standing)))
        if changed:
            self._pin()

    def _tell(self, standing: Standing, problem: str) -> None:
        """The same failure only now and then, as one that comes and goes would fill a log."""
        now = self.hub.wiring.clock.now()
        if problem and (problem != standing.told or now - standing.told_at > QUIET_SECONDS):
            self.hub.tell(f"hub: {standing.name} failed and is tried again: {problem}")
            standing.told, standing.told_at, standing.announced = problem, now, True
        if standing.announced and not problem:
            self.hub.tell(f"hub: {standing.name} is well again")
            standing.announced = False

    def _readings(self, standing: Standing) -> tuple[Reading, ...]:
        subject, labels = str(node(self.hub.here)), (("duty", standing.name),)
        return (
            (SeriesKey("hub.duty_up", subject, labels), float(not standing.problem)),
            (SeriesKey("hub.duty_seconds", subject, labels), standing.seconds),
            (SeriesKey("hub.duty_failures_total", subject, labels), float(standing.failures)),
        )

    def _pin(self) -> None:
        findings = find_trouble(self.hub.here, self.hub.standings.values())
        self.hub.board.pin("hub", findings, self.hub.wiring.clock.now())

    async def _close(self) -> None:
        """Let each finish what must not be lost, the last one first: what it gives others keep."""
        for one in reversed(self._duties):
            closing = asyncio.create_task(one.close(), name=one.name)
            await asyncio.wait((closing,), timeout=CLOSE_SECONDS)
            if not closing.done():
                closing.cancel()
                self.hub.tell(f"hub: {one.name} did not finish within {CLOSE_SECONDS:g} s")
            elif describe_end(closing):
                self.hub.tell(f"hub: {one.name} did not finish well: {describe_end(closing)}")


def find_trouble(here: str, standings: Iterable[Standing]) -> tuple[Finding, ...]:
    """What the owner should know of duties that fail again and again."""
    return tuple(
        Finding(
            check="hub.duty",
            subject=service(here, f"hub/{one.name}"),
            status=Status.WARNING,
            message=f"the hub's {one.name} failed {one.row} times in a row: {one.problem}",
            facts={"duty": one.name, "problem": one.problem},
        )
        for one in standings
        if one.row >= FAILURES
    )
