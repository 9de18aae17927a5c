"""Paths of the gateway's own: how it is, what it did, and why a request would go where. None of them asks an engine."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from urllib.parse import parse_qs

import msgspec

from keepwell.gateway.inbound import Request
from keepwell.gateway.measures import EXPOSITION, Measures
from keepwell.gateway.scheduler import Scheduler
from keepwell.gateway.state import Exchanged, describe_state
from keepwell.gateway.surface import Answer
from keepwell.plugins.routing import Ask


class OwnPaths:
    """Answers `/metrics`, `/keepwell/state` and `/keepwell/route?model=NAME`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.measures = Measures()
        #: Requests at work by number, and what is told of this process.
        self.exchanges: Mapping[int, Exchanged] = {}
        self.about: Mapping[str, object] = {}

    def answer(self, request: Request) -> Answer | None:
        """The answer, or None for a path that is not one of these."""
        path, _, query = request.path.partition(b"?")
        if request.method != b"GET":
            return None
        if path == b"/metrics":
            return Answer(status=200, body=self._expose(), content_type=EXPOSITION)
        if path == b"/keepwell/state":
            state = describe_state(self._scheduler, self.exchanges, monotonic())
            return Answer(status=200, body=msgspec.json.encode({**state, "plane": self.about}))
        if path == b"/keepwell/route":
            model = parse_qs(query.decode("latin-1")).get("model", [""])[0]
            return self._explain(model, monotonic())
        return None

    def _expose(self) -> bytes:
        stations = self._scheduler.stations.items()
        running = {name: float(one.outstanding) for name, one in stations}
        out = {name: float(one.breaker.state != "closed" or bool(one.cordoned)) for name, one in stations}
        gauges = {"keepwell_gateway_requests_running": running, "keepwell_gateway_replica_out": out}
        return self.measures.render(gauges, waiting=len(self._scheduler.waiting))

    def _explain(self, model: str, now: float) -> Answer:
        route = self._scheduler.routes.get(model)
        if route is None:
            body = msgspec.json.encode({"error": f"no route {model!r}", "routes": sorted(self._scheduler.routes)})
            return Answer(status=404, body=body)
        rows = [
            {"dialect": dialect, "candidates": self._scheduler.explain(Ask(id=0, route=model, dialect=dialect), now)}
            for dialect in sorted(
                {one for station in self._scheduler.stations.values() for one in station.replica.dialects}
            )
        ]
        return Answer(status=200, body=msgspec.json.encode({"route": model, "by_dialect": rows}))
