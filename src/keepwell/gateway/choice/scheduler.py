"""Who works on what. Pure: events in, effects out; time comes with each event.

In-flight requests are sets of their numbers, so that a count cannot leak: what is taken out twice, or was never in,
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from keepwell.gateway.choice.ask import BAD, BATCH, Effect, Outcome, Refuse, Route, Start, Verdict, Wait
from keepwell.gateway.choice.cordons import Cordon, find_reason
from keepwell.gateway.choice.reservations import Held
from keepwell.gateway.choice.station import GONE, Station
from keepwell.plugins.routing import Ask, Candidate, Policy, Replica

#: A waiting request for the model that a replica ran last goes before others, but not before one that has waited so
#: many seconds: models are not swapped for each request, and nobody starves.
GROUPED_SECONDS = 10.0
#: Seconds after which to ask again where all that could take it get no new work, and nobody can tell for how long.
CORDONED_SECONDS = 5.0
#: Requests that are held back for a moment at most, in all.
HELD = 32
#: Share of the newest request in the average.
SMOOTHING = 0.1


@dataclass(slots=True)
class Waiting:
    """A request that waits: when it came, its place in the fair order, replicas that failed it already."""

    ask: Ask
    since: float
    order: tuple[int, float, int]
    failed: frozenset[str]


class Scheduler:
    """Decides. `policies` are by name; `routes` and `replicas` may be replaced while requests run."""

    def __init__(self, replicas: Iterable[Replica], routes: Iterable[Route], policies: Mapping[str, Policy]) -> None:
        self.stations: dict[str, Station] = {one.id: Station(one) for one in replicas}
        self.routes: dict[str, Route] = {one.name: one for one in routes}
        self.waiting: dict[int, Waiting] = {}
        #: True once a request was held back for a moment (`station.HELD_SECONDS`): it is to be woken then.
        self.holds = False
        #: Requests of batches that are to give way now: somebody who waits for an answer was sent to their replica.
        self.giving_way: set[int] = set()
        self._policies = policies
        self._cordons: tuple[Cordon, ...] = ()
        self._served: dict[str, float] = {}
        self._clock = 0.0

    def replace(self, replicas: Iterable[Replica], routes: Iterable[Route]) -> None:
        """Another configuration; what runs goes on, also on replicas that are no longer there."""
        fresh = {one.id: one for one in replicas}
        for name, station in list(self.stations.items()):
            if name in fresh:
                station.replica = fresh.pop(name)
                station.cordoned = ""
            elif not station.running:
                del self.stations[name]
            else:
                station.cordoned = GONE
        self.stations |= {name: Station(one) for name, one in fresh.items()}
        self.routes = {one.name: one for one in routes}
        self.cordon(self._cordons)

    def cordon(self, cordons: Iterable[Cordon]) -> None:
        """Who gets no new work from now on, and nobody else; what runs goes on."""
        self._cordons = tuple(cordons)
        for station in self.stations.values():
            if station.cordoned != GONE:
                station.cordoned = find_reason(self._cordons, station.replica)

    def hold(self, held: Mapping[str, Held]) -> None:
        """Which replicas are reserved from now on, and no others; `until` is of this scheduler's clock."""
        for name, station in self.stations.items():
            station.held = held.get(name)

    def arrive(self, ask: Ask, now: float, failed: frozenset[str] = frozenset()) -> Effect:
        """A request came, or comes back from replicas that `failed` it."""
        route = self.routes.get(ask.route)
        if route is None:
            return Refuse(ask.id, 404, "model_not_found", f"{ask.route} is no longer offered here")
        if len(route.replicas) == 1 and not failed:
            station = self._find_only(route, ask)
            if station is not None:
                return self._start(ask, station, route, now)
        open_ones = self._open(route, ask, now, failed)
        station = self._choose(route, ask, open_ones, now)
        if station is not None:
            return self._start(ask, station, route, now)
        elsewhere = route.fallback in self.routes
        if open_ones and not (elsewhere and all(one.is_held_from(ask.key, ask.turn) for one in open_ones)):
            return self._wait(ask, route, now, failed)
        if elsewhere:
            return self.arrive(structs.replace(ask, route=route.fallback), now, failed)
        if route.waiting and not failed and self._may_come_back(route, ask):
            return self._wait(ask, route, now, failed)
        return self._refuse(ask, route, now)

    def ended(self, ask: int, replica: str, outcome: Outcome, now: float, why: str = "") -> list[Start]:
        """A try ended; the slot is free, and others may start."""
        station = self.stations.get(replica)
        if station is None or ask not in station.running:
            return []
        seconds = now - station.running.pop(ask)
        if station.models:
            station.models.pop(ask, None)
        if ask in station.behind:
            station.behind.discard(ask)
            station.steps += station.steps > 0 and outcome == "well"
        else:
            station.press(now)
        if outcome == "well":
            station.breaker.well()
            station.proven = True
            station.well_at = now
            station.usual_seconds += SMOOTHING * (seconds - station.usual_seconds)
        elif outcome in BAD:
            station.breaker.bad(now, why or outcome, cheap=outcome == "refused")
            station.proven = False
        else:
            station.breaker.given_up()
        if self.waiting:
            return self.wake(now)
        return []

    def leave(self, ask: int) -> None:
        """The client of a waiting request left."""
        self.waiting.pop(ask, None)

    def wake(self, now: float) -> list[Start]:
        """Start what waits and can be started now, in the fair order."""
        started: list[Start] = []
        full: set[tuple[str, str, frozenset[str], str, frozenset[str]]] = set()
        for one in sorted(self.waiting.values(), key=_order):
            route = self.routes.get(one.ask.route)
            wish = (one.ask.route, one.ask.dialect, one.ask.also, one.ask.key + one.ask.turn, one.failed)
            if route is None or wish in full:
                continue
            open_ones = self._open(route, one.ask, now, one.failed)
            station = self._choose(route, one.ask, open_ones, now)
            if station is None:
                full.add(wish)
            elif not self._grouped(one, station, route, now):
                del self.waiting[one.ask.id]
                started.append(self._start(one.ask, station, route, now))
        return started

    def expire(self, now: float) -> list[Refuse]:
        """Requests that have waited too long."""
        late = []
        for one in list(self.waiting.values()):
            route = self.routes.get(one.ask.route)
            if route is None or now - one.since > route.wait_seconds:
                del self.waiting[one.ask.id]
                message = f"no replica of {one.ask.route} became free within {now - one.since:.0f} s"
                late.append(Refuse(one.ask.id, 503, "queue_timeout", message + self._reasons(one.ask, now), 1.0))
        return late

    def explain(self, ask: Ask, now: float) -> list[Verdict]:
        """Every replica of the route: who is out and why, who would be chosen. Changes nothing."""
        route = self.routes[ask.route]
        open_ones = self._open(route, ask, now, frozenset())
        held = self.holds
        chosen = self._choose(route, ask, open_ones, now)
        self.holds = held
        rows = []
        for name in route.replicas:
            station = self.stations.get(name)
            if station is None:
                rows.append(Verdict(replica=name, why="not configured", outstanding=0))
                continue
            why = self._why_not(station, route.replicas[name], ask, now)
            if not why and station.keeps_out(route.replicas[name], now):
                why = f"another model was loaded less than {station.replica.stay_seconds:g} s ago and stays for now"
            row = Verdict(replica=name, why=why, outstanding=station.outstanding, chosen=station is chosen)
            rows.append(replace(row, into=tuple(sorted(_find_into(ask, station)))))
        return rows

    def _why_not(self, station: Station, model: str, ask: Ask, now: float) -> str:
        if station.cordoned:
            return f"gets no new work: {station.cordoned}"
        if not _is_understood(ask, station):
            return f"does not speak {ask.dialect}"
        if station.breaker.state == "open" and now < station.breaker.until:
            last = station.breaker.reasons[-1][1]
            return f"out for {station.breaker.until - now:.1f} s more: {last}"
        if station.breaker.state == "half-open" and station.breaker.trials:
            return "being tried by one request"
        if station.held is not None and station.is_held_from(ask.key, ask.turn):
            return station.held.why
        if not station.has_room(now, model, beside_others=False, priority=ask.priority):
            return f"full: works on {len(station.running)}"
        if ask.priority >= BATCH and station.is_pressed(now):
            return "works for others: a batch gives way"
        return ""

    def _find_only(self, route: Route, ask: Ask) -> Station | None:
        """The only replica of a route, if nothing at all speaks against it: the short way of what follows below."""
        (name,) = route.replicas
        station = self.stations.get(name)
        if station is None or not station.proven or station.cordoned or station.held is not None:
            return None
        if station.behind or ask.priority >= BATCH:
            return None
        replica = station.replica
        if station.breaker.state != "closed" or replica.stay_seconds or ask.dialect not in replica.dialects:
            return None
        if replica.limit and len(station.running) >= replica.limit:
            return None
        return station

    def _open(self, route: Route, ask: Ask, now: float, failed: frozenset[str]) -> list[Station]:
        """Stations that can do it, with or without room now."""
        found = []
        for name in route.replicas:
            station = self.stations.get(name)
            if (
                station is not None
                and name not in failed
                and not station.cordoned
                and (ask.dialect in station.replica.dialects or _find_into(ask, station))
                and station.breaker.allows(now)
            ):
                found.append(station)
        return found

    def _may_come_back(self, route: Route, ask: Ask) -> bool:
        """True if somebody could take it but for a cordon: such a one is worth waiting for."""
        stations = [self.stations[name] for name in route.replicas if name in self.stations]
        return any(one.cordoned not in ("", GONE) and _is_understood(ask, one) for one in stations)

    def _choose(self, route: Route, ask: Ask, found: list[Station], now: float) -> Station | None:
        beside = any(one.proven for one in found)
        with_room = [one for one in found if self._can_start(one, route, ask, now, beside)]
        if len(with_room) > 1:
            calm = [one for one in with_room if not one.breaker.shy(now) and not one.is_quiet()]
            if not calm and len(self.waiting) < HELD and any(one.is_just_quiet(now) for one in with_room):
                self.holds = True
                return None
            with_room = calm or with_room
        if ask.also and len(with_room) > 1:  # whoever needs no translation goes first, as long as it has room
            with_room = [one for one in with_room if ask.dialect in one.replica.dialects] or with_room
        if len(with_room) > 1:
            return self.stations[self._rank(route, ask, with_room)]
        return next(iter(with_room), None)

    def _can_start(self, one: Station, route: Route, ask: Ask, now: float, beside: bool) -> bool:
        return (
            one.has_room(now, route.replicas[one.replica.id], beside_others=beside, priority=ask.priority)
            and not (ask.priority >= BATCH and one.is_pressed(now))
            and not one.is_held_from(ask.key, ask.turn)
            and not (one.replica.stay_seconds and one.keeps_out(route.replicas[one.replica.id], now))
        )

    def _rank(self, route: Route, ask: Ask, found: list[Station]) -> str:
        candidates: Sequence[Candidate] = found
        for name in route.policy:
            candidates = self._policies[name](candidates, ask, route.replicas)
            if len(candidates) == 1:
                break
        return candidates[0].replica.id

    def _grouped(self, one: Waiting, station: Station, route: Route, now: float) -> bool:
        """True if somebody else who waits for the model that is there should go first."""
        wanted = route.replicas[station.replica.id]
        if not station.last_model or station.last_model == wanted or now - one.since > GROUPED_SECONDS:
            return False
        return any(
            other.ask.priority <= one.ask.priority and self._model_at(other, station) == station.last_model
            for other in self.waiting.values()
        )

    def _model_at(self, one: Waiting, station: Station) -> str:
        route = self.routes.get(one.ask.route)
        if route is None:
            return ""
        return route.replicas.get(station.replica.id, "")

    def _start(self, ask: Ask, station: Station, route: Route, now: float) -> Start:
        station.running[ask.id] = now
        if ask.priority >= BATCH:
            station.behind.add(ask.id)
        else:
            station.press(now)
            self.giving_way |= station.behind
        station.breaker.began()
        replica = station.replica
        model = station.last_model = route.replicas[replica.id]
        station.used[model] = now
        if replica.limit_each:
            station.models[ask.id] = model
        if replica.stay_seconds:
            station.take_in(model, now)
        cold = bool(replica.reloads) and station.is_cold(model)
        if ask.dialect in replica.dialects:
            return Start(ask.id, replica.id, model, cold)
        return Start(ask.id, replica.id, model, cold, replica)

    def _wait(self, ask: Ask, route: Route, now: float, failed: frozenset[str]) -> Effect:
        rank = ask.priority
        ahead = [one for one in self.waiting.values() if one.ask.route == route.name and one.ask.priority <= rank]
        if len(ahead) >= route.waiting:
            message = f"{len(ahead)} requests wait for {route.name} already"
            seconds = self._seconds(route, len(ahead), ask.key, now)
            return Refuse(ask.id, 429, "queue_full", message, seconds, len(ahead))
        begin = max(self._served.get(ask.key, 0.0), self._clock)
        self._served[ask.key] = begin + 1.0 / ask.weight
        self._clock = min((one.order[1] for one in self.waiting.values()), default=begin)
        one = Waiting(ask, now, (ask.priority, begin, ask.id), failed)
        self.waiting[ask.id] = one
        position = sum(other.order < one.order for other in ahead)
        return Wait(ask.id, position, self._seconds(route, position, ask.key, now))

    def _seconds(self, route: Route, position: int, key: str, now: float) -> float:
        """Until one with so many before it is served: they share the slots of the route's replicas, those apart that
        are reserved for others; where all are, until the first of them is free again.
        """
        there = [self.stations[name] for name in route.replicas if name in self.stations]
        stations = [one for one in there if not one.is_held_from(key)]
        if there and not stations:
            return min(one.held.until - now for one in there if one.held is not None)
        pace = sum((one.replica.limit or 1) / max(0.001, one.usual_seconds) for one in stations)
        return (position + 1) / max(0.001, pace)

    def _refuse(self, ask: Ask, route: Route, now: float) -> Refuse:
        seconds = 1.0
        if self._may_come_back(route, ask):
            seconds = CORDONED_SECONDS
        message = f"no replica of {route.name} can take it{self._reasons(ask, now)}"
        return Refuse(ask.id, 503, "no_replica", message, seconds)

    def _reasons(self, ask: Ask, now: float) -> str:
        """Of each replica, in brackets; "" where the route is gone."""
        if ask.route not in self.routes:
            return ""
        reasons = [f"{one.replica}: {one.why or 'failed this request'}" for one in self.explain(ask, now)]
        return f" ({'; '.join(reasons)})"


def _find_into(ask: Ask, station: Station) -> frozenset[str]:
    """What of this replica's dialects the request can be translated into; none where it speaks the request's own."""
    spoken = station.replica.dialects
    if ask.dialect in spoken:
        return frozenset()
    return ask.also & spoken


def _is_understood(ask: Ask, station: Station) -> bool:
    """True if it speaks the request's dialect, or one that it can be translated into."""
    return ask.dialect in station.replica.dialects or bool(_find_into(ask, station))


def _order(one: Waiting) -> tuple[int, float, int]:
    return one.order
