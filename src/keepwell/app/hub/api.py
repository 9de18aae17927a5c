"""What the hub answers by HTTP: /health, /metrics and the newest numbers as small JSON. It changes nothing."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from keepwell import __version__
from keepwell.app.hub.duty import Families, Hub
from keepwell.app.hub.numbers import find_numbers, find_points
from keepwell.app.hub.running import describe_failure
from keepwell.core.errors import KeepwellError
from keepwell.core.finding import Status
from keepwell.export.page import CONTENT_TYPE, Page
from keepwell.formats.prometheus import Family
from keepwell.gateway.hosts import Hosts
from keepwell.store.keys import digest_secret, load_keys

JSON = "application/json"
PATHS = f"""\
The hub of keepwell {__version__}. It answers:
  /health          how it is, as JSON
  /metrics         all numbers, for Prometheus
  /api/v1/series   the newest numbers as JSON: ?metric=host.*&about=node:gpu01
  /api/v1/points   kept ones: ?metric=host.load&about=node:gpu01&since=SECONDS&until=SECONDS&step=minute
"""
#: Failures of parts of a page that are told, each once.
FAILURES = 20
#: Steps between kept points, in seconds.
STEPS = {"minute": 60.0, "hour": 3600.0}


@dataclass(slots=True)
class Gatehouse:
    """Who may ask: anybody on this machine while nobody else can reach it; else who holds a key, or the secret of the
    hub's door.
    """

    state: Path
    secret: str
    hosts: Hosts = field(default_factory=Hosts)
    keyed: bool = False

    def refuse(self, request: Request) -> Response | None:
        """The answer to who may not ask; None for who may."""
        host = request.headers.get("host", "").encode("latin-1", "replace")
        if host and not self.hosts.may_be_called(host):
            return _no(421, "the hub is not called that; list the name in `hosts` of [hub]")
        origin = request.headers.get("origin", "").encode("latin-1", "replace")
        if origin and not self.hosts.may_ask(origin, host):
            return _no(403, "web pages of other places may not ask the hub")
        if not self.keyed or request.url.path == "/health":
            return None
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_known(secret.strip()):
            return None
        return _no(401, "a key is needed: Authorization: Bearer KEY")

    def _is_known(self, secret: str) -> bool:
        if hmac.compare_digest(secret.encode(), self.secret.encode()):
            return True
        digest, now = digest_secret(secret), time.time()
        return any(
            hmac.compare_digest(one.digest, digest) and (not one.expires_at or one.expires_at > now)
            for one in load_keys(self.state)
        )


def make_app(hub: Callable[[], Hub], gatehouse: Gatehouse) -> Starlette:
    """The application; `hub` gives the hub with its newest configuration."""
    answers = _Answers(hub, gatehouse)
    return Starlette(
        routes=[
            Route("/", answers.paths),
            Route("/health", answers.health),
            Route("/metrics", answers.metrics),
            Route("/api/v1/series", answers.series),
            Route("/api/v1/points", answers.points),
        ]
    )


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

    async def series(self, request: Request) -> Response:
        """The newest numbers: `metric` and `about` narrow it."""
        refused = self._gatehouse.refuse(request)
        if refused is not None:
            return refused
        asked = request.query_params
        found = find_numbers(self._hub().table, metric=asked.get("metric", ""), about=asked.get("about", ""))
        return Response(msgspec.json.encode({"schema": "keepwell.series/1", "series": found}), media_type=JSON)

    async def points(self, request: Request) -> Response:
        """Kept points of one metric: `metric`, `about`, `since`, `until` (seconds since the epoch), `step`."""
        refused = self._gatehouse.refuse(request)
        if refused is not None:
            return refused
        asked = request.query_params
        try:
            since, until = float(asked.get("since", time.time() - 3600)), float(asked.get("until", time.time()))
            step = STEPS[asked.get("step", "minute")]
            find = (self._hub().series, asked.get("metric", ""), asked.get("about", ""), since, until, step)
            found = await asyncio.to_thread(find_points, *find)
        except (ValueError, KeyError, OverflowError):
            return _no(400, "metric, about, since and until (seconds since the epoch), step (minute or hour)")
        except KeepwellError as error:
            return _no(503, str(error))
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


def _no(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status_code=status)
