"""How long each part of a request may take; the first byte's bound is learned from what went well. Pure.

Time in the gateway's queue does not count. What a replica may take for a first byte depends on whether it has the
model in memory, and on the length of the request. As long as it gives anything to anybody it is busy and not silent:
then only the owner's bound holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from keepwell.gateway.choice.ask import Outcome
from keepwell.gateway.choice.fronts import DESK_ROUTES
from keepwell.gateway.choice.station import Station
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.work.exchange import Exchange

#: First bytes that are remembered, and how many must be there before anything is concluded.
REMEMBERED, ENOUGH = 64, 16
#: How many times the slowest one of them a first byte may take, and the least bound.
PATIENCE, LEAST_SECONDS = 10.0, 2.0
#: By which power of the request's size the bound grows where it is longer than all before: attention is quadratic.
GROWTH = 2


@dataclass(slots=True)
class Learned:
    """Seconds to the first byte and bytes of the request, of answers that were well, for requests of one kind."""

    past: deque[tuple[float, int]] = field(default_factory=partial(deque, maxlen=REMEMBERED))
    _slowest: float = 0.0
    _largest: int = 0
    _known: bool = False

    def learn(self, seconds: float, size: int) -> None:
        """One more."""
        self.past.append((seconds, size))
        self._known = False

    def bound(self, most: float, size: int) -> float:
        """Seconds to wait for a first byte of a request of this size; `most` while too little is known."""
        if len(self.past) < ENOUGH:
            return most
        if not self._known:
            self._slowest = max(seconds for seconds, _ in self.past)
            self._largest = max(1, *(known for _, known in self.past))
            self._known = True
        growth = max(1.0, size / self._largest) ** GROWTH
        return float(min(most, max(LEAST_SECONDS, PATIENCE * self._slowest * growth)))


#: Bytes a second of a body that keep a request alive beyond its time: images over a bad line of a phone.
LEAST_BYTES_PER_SECOND = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds for each part; see `keepwell.config` for their meaning to the owner. `cold_first_byte_seconds` is for a
    model that is not in the replica's memory.
    """

    connect_seconds: float = 2.0
    first_byte_seconds: float = 300.0
    cold_first_byte_seconds: float = 600.0
    between_seconds: float = 60.0
    total_seconds: float = 3600.0
    reading_seconds: float = 30.0
    idle_seconds: float = 300.0

    def find_late(self, exchange: Exchange, learned: Learned, sign: float, now: float) -> tuple[Outcome, str] | None:
        """What is late about it, or None; `sign` is when its replica gave anything to anybody last.

        What changes an engine (fetching a model of a hundred gigabytes) is never late.
        """
        attempt = exchange.attempt
        if exchange.waiting or attempt is None or exchange.entry.endpoint.use == "admin":
            return None
        if now - exchange.facts.began > self.total_seconds:
            return "stalled", f"not done within {self.total_seconds:g} s"
        if attempt.held:
            return self._find_slow(attempt.heard_at, now)
        heard_at = attempt.heard_at
        if not heard_at:
            return self._find_silent(exchange, learned, sign, now)
        if now - heard_at > self.between_seconds:
            return "stalled", f"nothing for {self.between_seconds:g} s"
        return None

    def _find_silent(self, exchange: Exchange, learned: Learned, sign: float, now: float) -> tuple[Outcome, str] | None:
        attempt = exchange.attempt
        if attempt is None:
            return None
        most, state = self.first_byte_seconds, ""
        if attempt.cold:
            most, state = self.cold_first_byte_seconds, " of a model that was not in memory"
        bound = learned.bound(most, len(exchange.request.body))
        if exchange.facts.route.startswith(DESK_ROUTES):
            bound = most  # its answers take milliseconds, its process a while to start
        began = attempt.began
        if now - max(began, sign) > bound or now - began > most:
            return "silent", f"no first byte{state} within {min(bound, now - began):.1f} s"
        return None

    def _find_slow(self, held_at: float, now: float) -> tuple[Outcome, str] | None:
        """A client that reads nothing for so long has left its answer; its engine is not to blame."""
        if now - held_at > self.between_seconds:
            return "gone", f"the client read nothing for {self.between_seconds:g} s"
        return None

    def is_slow(self, since: float, size: int, now: float) -> bool:
        """True for a body of which so few bytes have come since then."""
        return now - since > self.reading_seconds + size / LEAST_BYTES_PER_SECOND

    def is_idle(self, client: Inbound, now: float) -> bool:
        """True for a client that takes too long to send its request, or has sent none for too long."""
        if client.busy:
            return False
        if client.reading_since:
            return self.is_slow(client.reading_since, client.read_bytes, now)
        return now - client.idle_since > self.idle_seconds


def find_signs(exchanges: Iterable[Exchange], stations: Mapping[str, Station]) -> dict[str, float]:
    """When each replica gave anything to anybody last, an answer that is over included."""
    signs = {name: one.well_at for name, one in stations.items()}
    for one in exchanges:
        attempt = one.attempt
        if attempt is not None and attempt.heard_at > signs.get(attempt.replica, attempt.heard_at):
            signs[attempt.replica] = attempt.heard_at
    return signs
