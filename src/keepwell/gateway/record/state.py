"""What the gateway tells of itself: each replica's state, why, until when, and what runs there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from keepwell.gateway.choice.breaker import State
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.station import Station
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.work.loading import Loads

#: Requests of one replica that are listed by themselves; all are counted.
LISTED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The process that tells: its number and that of the one that keeps it, where it listens, since when (seconds since
    the epoch); `finishing` once another has taken over. `alone`: the one that kept it is gone.
    """

    pid: int = 0
    keeper: int = 0
    listening: tuple[str, ...] = ()
    started_at: float = 0.0
    finishing: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """A try that ended badly: how long ago, and why."""

    seconds_ago: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """A request that a replica works on: its number, the model that was asked for, whose key, for how long already."""

    id: int
    model: str = ""
    key: str = ""
    stream: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """One replica. `state` is its breaker's, `out_for_seconds` how long that stays so at least; `cordoned` is why it
    gets no new work ("" if it does); `models` are those in its memory, as far as they are known;
    `loading` are models whose load goes on although the client that caused it left.
    `idle_seconds` is how long ago a request for each model began last.
    """

    replica: str
    node: str
    state: State = "closed"
    out_for_seconds: float = 0.0
    failures: int = 0
    running: int = 0
    limit: int = 0
    cordoned: str = ""
    models: tuple[str, ...] = ()
    loading: tuple[str, ...] = ()
    idle_seconds: Mapping[str, float] = field(default_factory=dict)
    usual_seconds: float = 0.0
    last_errors: tuple[Mishap, ...] = ()
    requests: tuple[AtWork, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """All replicas, how many requests wait, and for which route; `moved` is how large a share of a route's requests
    another one takes (0..1), by the name of those in the record.
    """

    plane: About
    replicas: tuple[ReplicaState, ...] = ()
    waiting: int = 0
    waiting_by_route: Mapping[str, int] = field(default_factory=dict)
    moved: Mapping[str, float] = field(default_factory=dict)


class Exchanged(Protocol):
    """A request at work, as far as it is told."""

    facts: Facts


def describe_state(
    about: About, scheduler: Scheduler, exchanges: Mapping[int, Exchanged], loads: Loads, now: float
) -> GatewayState:
    """Everything at this instant."""
    waiting: dict[str, int] = {}
    for one in scheduler.waiting.values():
        waiting[one.ask.route] = waiting.get(one.ask.route, 0) + 1
    return GatewayState(
        plane=about,
        replicas=tuple(_describe(one, exchanges, loads, now) for _, one in sorted(scheduler.stations.items())),
        waiting=len(scheduler.waiting),
        waiting_by_route=waiting,
    )


def _describe(station: Station, exchanges: Mapping[int, Exchanged], loads: Loads, now: float) -> ReplicaState:
    breaker = station.breaker
    return ReplicaState(
        replica=station.replica.id,
        node=station.replica.node,
        state=breaker.state,
        out_for_seconds=round(max(0.0, breaker.until - now) * (breaker.state == "open"), 3),
        failures=breaker.failures,
        running=station.outstanding,
        limit=station.replica.limit,
        cordoned=station.cordoned,
        models=tuple(sorted(station.resident)),
        loading=loads.models_at(station.replica.id),
        idle_seconds={name: round(now - at, 1) for name, at in station.used.items()},
        usual_seconds=round(station.usual_seconds, 3),
        last_errors=tuple(Mishap(seconds_ago=round(now - at, 1), why=why) for at, why in breaker.reasons),
        requests=tuple(_at_work(one, at, exchanges, now) for one, at in list(station.running.items())[:LISTED]),
    )


def _at_work(number: int, since: float, exchanges: Mapping[int, Exchanged], now: float) -> AtWork:
    seconds = round(now - since, 3)
    exchange = exchanges.get(number)
    if exchange is None:
        return AtWork(id=number, seconds=seconds)
    facts = exchange.facts
    return AtWork(id=number, model=facts.asked, key=facts.key, stream=facts.stream, seconds=seconds)
