"""Sampling: collectors on their schedules in a thread of their own, so that nothing else ever waits for a look.

One collector that fails is begun anew after a pause; one that hangs keeps its thread, and the others go on in a new
one. Costs nothing while it is stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import cast

from keepwell.core.clock import Clock
from keepwell.plugins import registry
from keepwell.plugins.collector import Collector, Moment
from keepwell.telemetry.held import HeldSight
from keepwell.telemetry.rounds import Look, Plan, Rounds, Sample

#: Seconds between two looks for a look that hangs.
GUARD_SECONDS = 5.0
#: Part of the time between two looks that is too short to look again: a timer that woke early looks once, not twice.
TOO_SOON = 0.2
#: Seconds that `close` waits for the look under way.
CLOSE_SECONDS = 2.0


def load_collectors(*, here: bool) -> dict[str, Collector]:
    """All collectors by name; where not `here`, on the machine itself, without those that must run there."""
    found = {name: cast(Collector, one) for name, one in registry.load_all("collectors").items()}
    return {name: one for name, one in found.items() if here or not one.here_only}


class Sampler:
    """Samples this machine between `start` and `close`; `take` gets each sample, in the sampler's thread, and must be
    quick. `start` and `close` are for one thread.
    """

    def __init__(self, plan: Plan, clock: Clock, take: Callable[[Sample], None]) -> None:
        self._plan = plan
        self._clock = clock
        self._take = take
        self._sight = HeldSight()
        self._rounds = Rounds(plan, clock.monotonic)
        self._over = threading.Event()
        self._look = Look()
        self._threads: list[threading.Thread] = []

    @property
    def running(self) -> bool:
        """True between `start` and `stop` or `close`."""
        return bool(self._threads) and not self._over.is_set()

    def watch(self, watched: Mapping[int, str]) -> None:
        """From the next look on these processes matter; pid to the text of a Ref."""
        self._sight.watched = dict(watched)

    def start(self) -> None:
        """Begin, with a first look at once."""
        self._begin(self._sight, 0.0)
        self._threads.append(threading.Thread(target=self._guard, name="keepwell-guard", daemon=True))
        self._threads[-1].start()

    def stop(self) -> None:
        """Look no more and let go of all that is held open, after the look under way. For any thread; does not wait."""
        self._over.set()

    def close(self) -> None:
        """Stop, and wait a moment for the look under way; one that hangs is left to itself. Safe to call twice."""
        self._over.set()
        for one in self._threads:
            one.join(CLOSE_SECONDS)

    def _begin(self, sight: HeldSight, first: float) -> None:
        self._look = Look()
        thread = threading.Thread(
            target=self._work, args=(self._look, sight, first), name="keepwell-samples", daemon=True
        )
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _work(self, look: Look, sight: HeldSight, wait: float) -> None:
        every = self._plan.every_seconds
        while not self._over.wait(wait):
            sample = self._rounds.look(sight, Moment(self._clock.now(), self._clock.monotonic()), look)
            if sample is None:
                sight.close()
                return
            sight.rest()
            self._take(sample)
            wait = until_next(self._clock.now(), every)
        self._rounds.close()
        sight.close()

    def _guard(self) -> None:
        while not self._over.wait(min(GUARD_SECONDS, self._plan.hang_seconds / 2)):
            look = self._look
            name = look.name
            if name and self._clock.monotonic() - look.since > self._plan.hang_seconds:
                look.over = True
                self._rounds.leave_out(name)
                fresh = HeldSight()  # the thread that hangs goes on with the old one
                fresh.watched = self._sight.watched
                self._sight = fresh
                self._begin(fresh, self._plan.every_seconds)


def until_next(now: float, every_seconds: float) -> float:
    """Seconds until the next full step of the wall clock, so that samples of several nodes fall together."""
    wait = every_seconds - now % every_seconds
    if wait < TOO_SOON * every_seconds:
        wait += every_seconds
    return wait
