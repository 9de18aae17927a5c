"""What the gateway is at work on now, as numbers: by replica, by route, and by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from keepwell.gateway.access import Access
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.record.measures import Gauge

#: States of a breaker.
STATES = ("closed", "half-open", "open")


def find_gauges(
    scheduler: Scheduler, access: Access, clients: int, refused: Mapping[str, int] = MappingProxyType({})
) -> Iterator[Gauge]:
    """Everything that is counted by looking; `clients` are connections of clients, `refused` requests that were not
    begun, by why.
    """
    stations = list(scheduler.stations.items())
    running = [({"replica": name}, float(one.outstanding)) for name, one in stations]
    yield Gauge(name="requests_running", help="Requests that a replica works on", rows=running)
    limits = [({"replica": name}, float(one.replica.limit)) for name, one in stations if one.replica.limit]
    yield Gauge(name="replica_limit", help="Requests that a replica works on at once", rows=limits)
    states = [
        ({"replica": name, "state": state}, float(one.breaker.state == state))
        for name, one in stations
        for state in STATES
    ]
    yield Gauge(name="replica_breaker", help="1 for the state that the replica's breaker is in", rows=states)
    out = [({"replica": name}, float(one.breaker.state != "closed" or bool(one.cordoned))) for name, one in stations]
    yield Gauge(name="replica_out", help="1 if the replica gets no request now", rows=out)
    waiting = Counter(one.ask.route for one in scheduler.waiting.values())
    rows = [({"route": name}, float(waiting[name])) for name in scheduler.routes]
    yield Gauge(name="requests_waiting", help="Requests that wait for a replica", rows=rows)
    turned = [({"reason": why}, float(number)) for why, number in refused.items()]
    yield Gauge(name="refused_total", help="Requests that were not begun", rows=turned, kind="counter")
    yield Gauge(name="client_connections", help="Connections of clients", rows=[({}, float(clients))])
    yield from _key_gauges(access)


def _key_gauges(access: Access) -> Iterator[Gauge]:
    rows = list(access.limits())
    limits = [({"key": key, "limit": kind}, limit) for key, kind, limit, _ in rows]
    yield Gauge(name="key_limit", help="What a key may use", rows=limits)
    used = [({"key": key, "limit": kind}, used) for key, kind, _, used in rows]
    yield Gauge(name="key_used", help="What of it a key has used", rows=used)
