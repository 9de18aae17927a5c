"""What the hub answers by HTTP: /health, /metrics and the newest numbers as small JSON. It changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from keepwell import __version__
from keepwell.app.hub.dressing import Dressing
from keepwell.app.hub.duty import Families, Hub
from keepwell.app.hub.face import Face
from keepwell.app.hub.failing import describe_failure
from keepwell.app.hub.gatehouse import Gatehouse, refusal
from keepwell.app.hub.house import House
from keepwell.app.hub.numbers import find_numbers, find_points, find_recent
from keepwell.core.errors import KeepwellError
from keepwell.core.finding import Status
from keepwell.export.page import CONTENT_TYPE, Page
from keepwell.formats.prometheus import Family

JSON = "application/json"
PATHS = f"""\
The hub of keepwell {__version__}. It answers:
  /health          how it is, as JSON
  /metrics         all numbers, for Prometheus
  /api/v1/         what programs can ask: every operation, events, and numbers for a widget
  /api/v1/overview all nodes, devices, engines, requests, work and alerts now, as JSON
  /api/v1/series   the newest numbers as JSON: ?metric=host.*&about=node:gpu01
  /api/v1/points   kept ones: ?metric=host.load&about=node:gpu01&since=SECONDS&until=SECONDS&step=minute
"""
#: Failures of parts of a page that are told, each once.
FAILURES = 20
#: Steps between kept points, in seconds.
STEPS = {"minute": 60.0, "hour": 3600.0}


def make_app(house: House, faces: Sequence[Face] = ()) -> Starlette:
    """The application: what the hub answers itself, then the faces' pages."""
    answers = _Answers(house.hub, house.gatehouse)
    own = [
        Route("/health", answers.health),
        Route("/metrics", answers.metrics),
        Route("/api/v1/overview", answers.overview),
        Route("/api/v1/series", answers.series),
        Route("/api/v1/points", answers.points),
    ]
    more = [route for face in faces for route in face.routes(house)]
    last = [Route("/", answers.paths)]

    @contextlib.asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for face in faces:
                await stack.enter_async_context(face.live())
            yield

    return Starlette(routes=[*own, *more, *last], middleware=[Middleware(Dressing)], lifespan=live)


class _Answers:
    """One method a route."""

    def __init__(self, hub: Callable[[], Hub], gatehouse: Gatehouse) -> None:
        self._hub = hub
        self._gatehouse = gatehouse
        self._page = Page()
        self._told: set[str] = set()

    async def paths(self, request: Request) -> Response:
        """What can be asked."""
        return self._gatehouse.refuse(request) or PlainTextResponse(PATHS)

    async def health(self, request: Request) -> Response:
        """How the hub is, within a kilobyte; 200 as long as it answers at all."""
        return self._gatehouse.refuse(request) or JSONResponse(render_health(self._hub()))

    async def metrics(self, request: Request) -> Response:
        """The page for Prometheus; a family that cannot be made is left out, not the page."""
        refused = self._gatehouse.refuse(request)
        if refused is not None:
            return refused
        hub, now = self._hub(), time.time()
        families: list[Family] = []
        for give in hub.families:
            asking = asyncio.create_task(asyncio.to_thread(_take, give, now))
            await asyncio.wait((asking,))
            error = asking.exception()
            if error is None:
                families += asking.result()
            elif str(error) not in self._told and len(self._told) < FAILURES:
                self._told.add(str(error))
                hub.tell(f"hub: a part of /metrics is left out: {describe_failure(error)}")
        return Response(self._page.render(hub.table, now, families), headers={"content-type": CONTENT_TYPE})

    async def overview(self, request: Request) -> Response:
        """The whole fleet at this instant; who asks within the same second gets the same."""
        refused = self._gatehouse.refuse(request)
        if refused is not None:
            return refused
        hub = self._hub()
        return Response(await hub.overviews.encoded(hub, time.time()), media_type=JSON)

    async def series(self, request: Request) -> Response:
        """The newest numbers: `name` (or `metric`) and `about` narrow it. As the operation of this name tells them."""
        refused = self._gatehouse.refuse(request)
        if refused is not None:
            return refused
        asked = request.query_params
        name = asked.get("name", "") or asked.get("metric", "")
        found = find_numbers(self._hub().table, metric=name, about=asked.get("about", ""))
        told = {"schema": "keepwell.series/1", "exit_code": 0, "at": time.time(), "series": found}
        return Response(msgspec.json.encode({**told, "problem": "", "name": name}), media_type=JSON)

    async def points(self, request: Request) -> Response:
        """Kept points of one metric: `metric`, `about`, `since`, `until` (seconds since the epoch), `step`.

        Of step second all that is in memory, whatever the span.
        """
        refused = self._gatehouse.refuse(request)
        if refused is not None:
            return refused
        asked = request.query_params
        try:
            since, until = float(asked.get("since", time.time() - 3600)), float(asked.get("until", time.time()))
            if asked.get("step") == "second":
                recent = find_recent(self._hub().table, asked.get("metric", ""), asked.get("about", ""))
                return Response(msgspec.json.encode({"schema": "keepwell.points/1", "series": recent}), media_type=JSON)
            step = STEPS[asked.get("step", "minute")]
            find = (self._hub().series, asked.get("metric", ""), asked.get("about", ""), since, until, step)
            found = await asyncio.to_thread(find_points, *find)
        except (ValueError, KeyError, OverflowError):
            return refusal(
                400, "metric, about, since and until (seconds since the epoch), step (second, minute or hour)"
            )
        except KeepwellError as error:
            return refusal(503, str(error))
        return Response(msgspec.json.encode({"schema": "keepwell.points/1", "series": found}), media_type=JSON)


def render_health(hub: Hub) -> dict[str, object]:
    """For who looks whether all is well: "ok", or "degraded" where a part of the hub fails, whatever it found."""
    failing = sorted(one.name for one in hub.standings.values() if one.problem)
    findings = [one for one in hub.board.findings() if one.bad]
    return {
        "status": {False: "ok", True: "degraded"}[bool(failing)],
        "version": __version__,
        "node": hub.here,
        "duties": len(hub.standings),
        "failing": failing[:20],
        "series": hub.table.count,
        "warnings": sum(one.status is Status.WARNING for one in findings),
        "critical": sum(one.status is Status.CRITICAL for one in findings),
        "nodes_away": sorted(one.subject.name for one in findings if one.check == "node.reached")[:20],
    }


def _take(give: Families, now: float) -> list[Family]:
    return list(give(now))
