"""Why a request would go where: the same sentences for the command and for the path. Pure; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.needs import Shortage
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.splits import Diversion
from keepwell.gateway.work.attest import Standing
from keepwell.plugins.routing import Ask

#: Fallbacks that are followed; they cannot go round, this is for settings that somebody else wrote.
FALLBACKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLine:
    """One replica: why it is out ("" if it is not), its work and how much it takes at once (0: not known), whether it
    would be chosen. `model` is the model's name there, `resident` whether it is in its memory.

    `proof` is how well it would be known that it answered (see `attest`), `device` where the model lies; `cannot` is
    what it certainly cannot do, `context_tokens` how long a prompt may be (0: not known). `planned_bytes` are what the
    model was reckoned to take in memory, `reported_bytes` what the engine says that it takes; 0 where not known.
    `into` are formats of the replica that requests are translated into, as it does not speak theirs.
    """

    replica: str
    why: str
    outstanding: int = 0
    chosen: bool = False
    model: str = ""
    limit: int = 0
    resident: bool = False
    proof: str = ""
    digest: str = ""
    device: str = ""
    cannot: tuple[str, ...] = ()
    context_tokens: int = 0
    planned_bytes: int = 0
    reported_bytes: int = 0
    into: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the control side told of models: standings by replica and model, and what replicas lack by route. `words`
    are by format those that its requests can be translated into.
    """

    standings: Mapping[str, Mapping[str, Standing]] = field(default_factory=dict)
    shortages: Mapping[str, Shortage] = field(default_factory=dict)
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)


NOTHING = Told()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Where a request for `model` would go.

    `route` is the route that the name means and `how` it does; `policy` the rules in their order; `candidates` by wire
    format; `waiting` how many wait for it. `fallbacks` are the routes that are tried next, each with its candidates.
    """

    model: str
    route: str
    how: str
    policy: tuple[str, ...]
    waiting: int = 0
    candidates: dict[str, tuple[CandidateLine, ...]] = field(default_factory=dict)
    fallbacks: tuple[Explanation, ...] = ()


def explain(
    scheduler: Scheduler,
    names: Names,
    model: str,
    key: str,
    now: float,
    told: Told = NOTHING,
    diversions: Mapping[str, Diversion] = MappingProxyType({}),
) -> Explanation | None:
    """For a request with this key, None where nobody offers the model. A route that takes a share of its requests
    stands first of what is tried.
    """
    meant = names.find(model)
    if meant is None:
        return None
    route = scheduler.routes.get(meant.route.name, meant.route)
    walked: list[str] = [route.name]
    found: list[Explanation] = []
    while route.fallback in scheduler.routes and route.fallback not in walked and len(found) < FALLBACKS:
        how = f"the fallback of {route.name}"
        route = scheduler.routes[route.fallback]
        walked.append(route.name)
        found.append(replace(_explain(scheduler, route, key, now, told), model=model, how=how))
    first = scheduler.routes.get(meant.route.name, meant.route)
    diverted = diversions.get(first.name)
    if diverted is not None:
        how = f"takes {diverted.share:.0%} of the requests for {first.name}"
        found.insert(0, replace(_explain(scheduler, diverted.route, key, now, told), model=model, how=how))
    return replace(_explain(scheduler, first, key, now, told), model=model, how=meant.how, fallbacks=tuple(found))


def _explain(scheduler: Scheduler, route: Route, key: str, now: float, told: Told) -> Explanation:
    dialects = {one for station in scheduler.stations.values() for one in station.replica.dialects}
    dialects |= {name for name, words in told.words.items() if words & dialects}
    return Explanation(
        model="",
        route=route.name,
        how="",
        policy=route.policy,
        waiting=sum(one.ask.route == route.name for one in scheduler.waiting.values()),
        candidates={
            dialect: _lines(scheduler, route, _ask(route, dialect, key, told), now, told)
            for dialect in sorted(dialects)
        },
    )


def _ask(route: Route, dialect: str, key: str, told: Told) -> Ask:
    also = told.words.get(dialect, frozenset())
    return Ask(id=0, route=route.name, dialect=dialect, key=key, also=also)


def _lines(scheduler: Scheduler, route: Route, ask: Ask, now: float, told: Told) -> tuple[CandidateLine, ...]:
    lines = []
    for one in scheduler.explain(ask, now):
        model = route.replicas[one.replica]
        station = scheduler.stations.get(one.replica)
        line = CandidateLine(
            replica=one.replica,
            why=one.why,
            outstanding=one.outstanding,
            chosen=one.chosen,
            model=model,
            into=one.into,
        )
        if station is not None:
            line = replace(line, limit=station.replica.limit, resident=model in station.resident)
        lines.append(_add_told(line, route.name, told))
    lines += [CandidateLine(replica=replica, why=why) for replica, why in sorted(route.out.items())]
    return tuple(lines)


def _add_told(line: CandidateLine, route: str, told: Told) -> CandidateLine:
    standing = told.standings.get(line.replica, {}).get(line.model)
    shortage = told.shortages.get(route)
    if standing is not None:
        line = replace(
            line,
            proof=standing.proof,
            digest=standing.digest,
            device=standing.device,
            planned_bytes=standing.planned_bytes,
            reported_bytes=standing.reported_bytes,
        )
    if shortage is not None:
        cannot = sorted(shortage.lacks.get(line.replica, ()))
        line = replace(line, cannot=tuple(cannot), context_tokens=shortage.contexts.get(line.replica, 0))
    return line
