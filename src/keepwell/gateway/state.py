"""What the gateway tells of itself: each replica's state, why, until when, and what runs there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from keepwell.gateway.facts import Facts
from keepwell.gateway.scheduler import Scheduler
from keepwell.gateway.station import Station

#: Requests of one replica that are listed by themselves; all are counted.
LISTED = 256


class Exchanged(Protocol):
    """A request at work, as far as it is told."""

    facts: Facts


def describe_state(scheduler: Scheduler, exchanges: Mapping[int, Exchanged], now: float) -> dict[str, object]:
    """Replicas with their breaker, their work and their last errors, and how many requests wait for which model."""
    waiting: dict[str, int] = {}
    for one in scheduler.waiting.values():
        waiting[one.ask.route] = waiting.get(one.ask.route, 0) + 1
    replicas = [_describe(name, one, exchanges, now) for name, one in sorted(scheduler.stations.items())]
    return {"replicas": replicas, "waiting": len(scheduler.waiting), "waiting_by_model": waiting}


def _describe(name: str, station: Station, exchanges: Mapping[int, Exchanged], now: float) -> dict[str, object]:
    breaker = station.breaker
    return {
        "replica": name,
        "node": station.replica.node,
        "state": breaker.state,
        "out_for_seconds": round(max(0.0, breaker.until - now) * (breaker.state == "open"), 3),
        "failures": breaker.failures,
        "running": station.outstanding,
        "limit": station.replica.limit,
        "cordoned": station.cordoned,
        "models": sorted(station.resident),
        "usual_seconds": round(station.usual_seconds, 3),
        "last_errors": [{"seconds_ago": round(now - at, 1), "why": why} for at, why in breaker.reasons],
        "requests": [
            _request(number, since, exchanges, now) for number, since in list(station.running.items())[:LISTED]
        ],
    }


def _request(number: int, since: float, exchanges: Mapping[int, Exchanged], now: float) -> dict[str, object]:
    row: dict[str, object] = {"id": number, "seconds": round(now - since, 3), "model": "", "key": "", "stream": False}
    exchange = exchanges.get(number)
    if exchange is not None:
        row |= {"model": exchange.facts.asked, "key": exchange.facts.key, "stream": exchange.facts.stream}
    return row
