"""What the gateway tells of itself: each replica's state, why, until when, and what runs there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from keepwell.gateway.choice.breaker import State
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.station import Station
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.turning import TurnState
from keepwell.gateway.work.attempt import Attempt
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
    """A request that a replica works on, or that waits for one: its number, the model that was asked for, whose key,
    for how long already at this replica. `stage` is waiting, prompt or answering. `queue_seconds` is how long it waited
    before, `ttft_seconds` from its arrival to the first part of its answer; `output_tokens` are the parts of a stream
    that came (engines send a token in each, or a few where they are fast). -1 is "not yet", or not to be known.
    """

    id: int
    model: str = ""
    key: str = ""
    stream: bool = False
    seconds: float = 0.0
    stage: str = "prompt"
    queue_seconds: float = 0.0
    ttft_seconds: float = -1.0
    output_tokens: int = -1
    tokens_per_second: float = -1.0


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
    """All replicas, how many requests wait, and for which route; `queued` are those, one by one. `moved` is how large a
    share of a route's requests another one takes (0..1), by the name of those in the record. `turns` is whose time it
    is on which device.
    """

    plane: About
    replicas: tuple[ReplicaState, ...] = ()
    waiting: int = 0
    waiting_by_route: Mapping[str, int] = field(default_factory=dict)
    moved: Mapping[str, float] = field(default_factory=dict)
    queued: tuple[AtWork, ...] = ()
    turns: tuple[TurnState, ...] = ()


class Exchanged(Protocol):
    """A request at work, as far as it is told."""

    facts: Facts
    attempt: Attempt | None


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
        queued=tuple(_queued(one, exchanges, now) for one in list(scheduler.waiting)[:LISTED]),
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
    facts, attempt = exchange.facts, exchange.attempt
    first, last, parts = 0.0, 0.0, 0
    if attempt is not None:
        first, last, parts = attempt.progress
    made = AtWork(
        id=number,
        model=facts.asked,
        key=facts.key,
        stream=facts.stream,
        seconds=seconds,
        queue_seconds=round(max(0.0, since - facts.began), 3),
    )
    if not first:
        return made
    made = replace(made, stage="answering", ttft_seconds=round(first - facts.began, 3))
    if facts.stream:
        made = replace(made, output_tokens=parts, tokens_per_second=_pace(parts, last - first))
    return made


def _pace(parts: int, seconds: float) -> float:
    if parts < 2 or seconds <= 0:
        return -1.0
    return round((parts - 1) / seconds, 1)


def _queued(number: int, exchanges: Mapping[int, Exchanged], now: float) -> AtWork:
    exchange = exchanges.get(number)
    if exchange is None:
        return AtWork(id=number, stage="waiting")
    facts = exchange.facts
    return AtWork(
        id=number,
        model=facts.asked,
        key=facts.key,
        stream=facts.stream,
        stage="waiting",
        queue_seconds=round(now - facts.began, 3),
    )
