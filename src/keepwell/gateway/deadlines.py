"""How long each part of a request may take; the first byte's bound is learned from what went well. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial

from keepwell.gateway.ask import Outcome
from keepwell.gateway.exchange import Exchange
from keepwell.gateway.inbound import Inbound

#: First bytes that are remembered, and how many must be there before anything is concluded.
REMEMBERED, ENOUGH = 64, 16
#: How many times the slowest one of them a first byte may take, and the least bound: a load may lie in between.
PATIENCE, LEAST_SECONDS = 10.0, 2.0


@dataclass(slots=True)
class Learned:
    """Seconds to the first byte of answers that were well, for one route."""

    seconds: deque[float] = field(default_factory=partial(deque, maxlen=REMEMBERED))

    def learn(self, seconds: float) -> None:
        """One more."""
        self.seconds.append(seconds)

    def bound(self, most: float) -> float:
        """Seconds to wait for a first byte; `most` while too little is known."""
        if len(self.seconds) < ENOUGH:
            return most
        return min(most, max(LEAST_SECONDS, PATIENCE * max(self.seconds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds for each part; see `keepwell.config` for their meaning to the owner."""

    connect_seconds: float = 2.0
    first_byte_seconds: float = 300.0
    between_seconds: float = 60.0
    total_seconds: float = 3600.0
    reading_seconds: float = 30.0
    idle_seconds: float = 300.0

    def find_late(self, exchange: Exchange, learned: Learned, now: float) -> tuple[Outcome, str] | None:
        """What is late about it, or None."""
        if exchange.waiting or not exchange.tried_at:
            return None
        if now - exchange.facts.began > self.total_seconds:
            return "stalled", f"not done within {self.total_seconds:g} s"
        if not exchange.heard_at:
            bound = learned.bound(self.first_byte_seconds)
            if now - exchange.tried_at > bound:
                return "silent", f"no first byte within {bound:.1f} s"
        elif now - exchange.heard_at > self.between_seconds:
            return "stalled", f"nothing for {self.between_seconds:g} s"
        return None

    def is_idle(self, client: Inbound, now: float) -> bool:
        """True for a client that takes too long to send its request, or has sent none for too long."""
        if client.reading_since:
            return now - client.reading_since > self.reading_seconds
        return not client.busy and now - client.idle_since > self.idle_seconds
