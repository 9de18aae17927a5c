"""Paths of the gateway's own: how it is, what it did, and why a request would go where. None of them asks an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic
from urllib.parse import parse_qs

import msgspec

from keepwell.gateway.choice.explain import Told, explain
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.splits import Diversion
from keepwell.gateway.record.measures import EXPOSITION, Measures
from keepwell.gateway.record.state import About, Exchanged, describe_state
from keepwell.gateway.surface import Answer
from keepwell.gateway.turning import Turning
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.loading import Loads


class OwnPaths:
    """Answers `/metrics`, `/keepwell/state` and `/keepwell/route?model=NAME`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        #: What is counted, as Prometheus reads it.
        self.expose: Callable[[], bytes] = Measures().render
        self.names = Names({}, {})
        #: Requests at work by number, and what is told of this process.
        self.exchanges: Mapping[int, Exchanged] = {}
        self.about = About()
        self.loads = Loads()
        self.told = Told()
        #: Of which routes a share goes elsewhere.
        self.diversions: Mapping[str, Diversion] = {}
        self.turning = Turning(scheduler, _do_nothing)

    def answer(self, request: Request) -> Answer | None:
        """The answer, or None for a path that is not one of these."""
        path, _, query = request.path.partition(b"?")
        if request.method != b"GET":
            return None
        if path == b"/metrics":
            return Answer(status=200, body=self.expose(), content_type=EXPOSITION)
        if path == b"/keepwell/state":
            state = describe_state(self.about, self._scheduler, self.exchanges, self.loads, monotonic())
            moved = {one.route.name: one.share for one in self.diversions.values()}
            turns = self.turning.describe(monotonic())
            return Answer(status=200, body=msgspec.json.encode(replace(state, moved=moved, turns=turns)))
        if path == b"/keepwell/route":
            asked = parse_qs(query.decode("latin-1"))
            return self._explain(asked.get("model", [""])[0], asked.get("key", [""])[0])
        return None

    def _explain(self, model: str, key: str) -> Answer:
        found = explain(self._scheduler, self.names, model, key, monotonic(), self.told, self.diversions)
        if found is None:
            said = {"error": self.names.describe_unknown(model), "routes": sorted(self._scheduler.routes)}
            return Answer(status=404, body=msgspec.json.encode(said))
        return Answer(status=200, body=msgspec.json.encode(found))


def _do_nothing() -> None:
    """Nobody is to know."""
