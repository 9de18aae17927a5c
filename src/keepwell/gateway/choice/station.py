"""One replica's side of the scheduler's state. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from keepwell.gateway.choice.ask import BATCH
from keepwell.gateway.choice.breaker import Breaker
from keepwell.gateway.choice.reservations import Held
from keepwell.plugins.routing import Replica

#: A replica that has not answered well yet gets so many requests at once, so that a sick one harms few: where others
#: have, and where none has, for the first seconds.
UNPROVEN_BESIDE_OTHERS, UNPROVEN, UNPROVEN_SECONDS = 1, 2, 1.0
#: Why a replica that left the configuration gets no more work while it ends what it has.
GONE = "no longer configured"
#: Requests that are sent to a replica without a sign of it, as long as there are others: so many it can harm.
QUIET = 3
#: Seconds for which one more request is held back where every replica has so many without a sign: one that answers at
#: once, if only with an error, is known by then, and no model's first word is so near that a client would notice.
HELD_SECONDS = 0.01
#: Seconds after which a look at an engine's memory counts more than what was sent to it: a look is a few seconds old.
SETTLED_SECONDS = 5.0
#: Seconds without a request of anybody who waits for its answer, after which a batch gets work here: who reads an
#: answer and asks on, and a program that asks again and again, find the engine free.
CALM_SECONDS = 2.0
#: Seconds that a request takes where none has ended yet.
USUAL_SECONDS = 1.0


@dataclass(slots=True)
class Station:
    """A replica's side of the state. `running` has the instant at which each began, `cordoned` why it gets no new work,
    `held` for whom it is reserved now. `well_at` is the last instant at which an answer of it ended well, `sign_at` the
    last at which it was seen to give anything. `used` has the instant at which a request for each model began last,
    `loaded` that at which each model came into its memory, as is believed. `answered` are models that answered although
    nobody had said that they are in memory. `models` are those of the requests that run, where each has a limit.
    `behind` are those of them that are a batch's, `pressed_at` is the last instant at which any other began or ended.
    After that a batch has one request here at once, and one more with each that was answered: `steps`, 0 for no bound.
    """

    replica: Replica
    breaker: Breaker = field(default_factory=Breaker)
    running: dict[int, float] = field(default_factory=dict)
    resident: frozenset[str] = frozenset()
    last_model: str = ""
    proven: bool = False
    cordoned: str = ""
    usual_seconds: float = USUAL_SECONDS
    well_at: float = 0.0
    sign_at: float = 0.0
    held: Held | None = None
    used: dict[str, float] = field(default_factory=dict)
    loaded: dict[str, float] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    models: dict[int, str] = field(default_factory=dict)
    behind: set[int] = field(default_factory=set)
    pressed_at: float = float("-inf")
    steps: int = 0

    def is_held_from(self, key: str, turn: str = "") -> bool:
        """True while it is reserved for other keys, or its device is another one's than that of this turn."""
        return self.held is not None and key not in self.held.keys and not (turn and turn == self.held.turn)

    @property
    def outstanding(self) -> int:
        """How many requests it works on."""
        return len(self.running)

    def see(self, resident: Iterable[str], now: float) -> None:
        """Which models are in its memory now; () from an engine that does not tell."""
        before, self.resident = self.resident, frozenset(resident)
        if before or self.resident:
            self.answered.clear()
        held = {name: at for name, at in self.loaded.items() if name in self.resident or now - at < SETTLED_SECONDS}
        for name in self.resident:
            if not self.replica.holds or len(held) < self.replica.holds:
                held.setdefault(name, now)
        self.loaded = held

    def take_in(self, model: str, now: float) -> None:
        """A request for this model begins: if it was not in memory it will be, in the place of the one used least."""
        if model in self.loaded:
            return
        if self.replica.holds and len(self.loaded) >= self.replica.holds:
            del self.loaded[min(self.loaded, key=self._used_at)]
        self.loaded[model] = now

    def _used_at(self, model: str) -> float:
        return self.used.get(model, 0.0)

    def is_cold(self, model: str) -> bool:
        """True if this model has to be loaded before it can answer, as far as is known."""
        return bool(self.replica.reloads) and model not in self.resident and model not in self.answered

    def saw_sign(self, at: float) -> None:
        """It gave something to somebody at this instant: that proves as much as an answer that is over."""
        self.sign_at = at
        if not self.proven and self.running and at > self.breaker.last_bad:
            self.proven = True

    def is_quiet(self) -> bool:
        """True if so many wait for it since it last gave anything that others are to be preferred."""
        return self._quiet_since() > 0

    def is_just_quiet(self, now: float) -> bool:
        """True if that is so new that a sign may come at any instant."""
        return now - self._quiet_since() < HELD_SECONDS

    def _quiet_since(self) -> float:
        """When the first of those that make it quiet began, 0 if it is not."""
        if len(self.running) < QUIET:
            return 0.0
        began = next(islice(reversed(self.running.values()), QUIET - 1, None))
        return began * (began > self.well_at and began > self.sign_at)

    def keeps_out(self, model: str, now: float) -> bool:
        """True if this model would take the place of one that has not been in memory for long enough."""
        replica = self.replica
        if not replica.stay_seconds or not replica.holds or model in self.loaded:
            return False
        settled = sum(now - at >= replica.stay_seconds for at in self.loaded.values())
        return len(self.loaded) >= replica.holds and not settled

    def is_pressed(self, now: float) -> bool:
        """True while it works for somebody who waits for the answer, or did a moment ago: batches give way."""
        return len(self.running) > len(self.behind) or now - self.pressed_at < CALM_SECONDS

    def press(self, now: float) -> None:
        """A request of somebody who waits for the answer begins or ends here."""
        self.pressed_at = now
        self.steps = 1

    def is_full(self, model: str, priority: int) -> bool:
        """True if it works on as many requests as it can: in all, or for this model where each has slots of its own.
        A batch leaves one slot free, if there are two; for others its requests do not count: they give way.
        """
        limit, free = self.replica.limit, self.behind
        if not limit:
            return False
        if priority >= BATCH:
            limit, free = max(1, limit - 1), set()
        if len(self.running) - len(free) < limit:
            return False
        counted = (name for one, name in self.models.items() if one not in free)
        return not self.replica.limit_each or sum(map(model.__eq__, counted)) >= limit

    def has_room(self, now: float, model: str, *, beside_others: bool, priority: int = 0) -> bool:
        """True if it can take one more for this model; `beside_others`: there are others that have answered well."""
        working = len(self.running)
        if priority >= BATCH and self.steps and len(self.behind) >= self.steps:
            return False
        if not self.proven and working:
            if beside_others:
                return working < UNPROVEN_BESIDE_OTHERS
            if now - next(iter(self.running.values())) < UNPROVEN_SECONDS and working >= UNPROVEN:
                return False
        return not self.is_full(model, priority)
