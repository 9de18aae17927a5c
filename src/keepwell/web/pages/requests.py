"""What the gateway served: the newest requests, how long they took, and where the time of each went."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.house import House
from keepwell.core.errors import ConfigurationError, NotThere
from keepwell.store.bodies import BODIES_FILE, KeptBody, find_body
from keepwell.store.request_log import MEASURES, QuantileRow, Quantiles
from keepwell.store.requestlog.whole import find_requests, newest_requests
from keepwell.store.requests import RequestRow
from keepwell.web.asked import SPANS, Asked, parse_asked, render_asked
from keepwell.web.page import Page, Part, Shown, Visit
from keepwell.web.serving import is_serving, read_settings
from keepwell.web.waterfall import draw_course, draw_waterfall, table_quantiles, tokens_per_second

#: Requests that are listed, and routes in the table of figures.
LISTED, ROUTES = 50, 30
#: Up to this span the course is drawn by minutes, beyond by hours.
MINUTES_SECONDS = 3 * 3600.0


async def show(visit: Visit) -> Shown:
    """The page: a filter, and the two live parts."""
    asked = parse_asked(visit.request.url.query)
    query = render_asked(asked)
    settings = await read_settings(visit.hub.state)
    routes: list[str] = []
    if settings is not None:
        routes = sorted(one.name for one in settings.routes)[:200]
    data = {"asked": asked, "spans": list(SPANS), "routes": routes, "query": query}
    return Shown(template="requests.html", data=data, parts=(f"figures:{query}", f"requests:{query}"))


async def gather_rows(house: House, argument: str) -> Mapping[str, Any]:
    """The newest, the newest first."""
    hub, asked = house.hub(), parse_asked(argument)
    found = await asyncio.to_thread(_newest, hub, asked)
    rows = [{"row": one, "bars": draw_waterfall(one), "speed": tokens_per_second(one)} for one in reversed(found)]
    return {"rows": rows, "asked": asked, "serving": is_serving(hub.state), "most": LISTED}


async def gather_figures(house: House, argument: str) -> Mapping[str, Any]:
    """Percentiles by model, and over time."""
    hub, asked = house.hub(), parse_asked(argument)
    now = hub.wiring.clock.now()
    found = await asyncio.to_thread(_ask_quantiles, hub, asked, now)
    course = await asyncio.to_thread(_ask_course, hub, asked, now)
    unit: tuple[float, str] = (60.0, "minutes from now")
    if asked.seconds > MINUTES_SECONDS:
        unit = (3600.0, "hours from now")
    chart = Markup(draw_course(course, now, *unit))  # numbers and words of ours alone
    return {"table": table_quantiles(found)[:ROUTES], "chart": chart, "asked": asked}


async def show_one(visit: Visit) -> Shown:
    """One request: every number that is known of it, and where its time went."""
    name = visit.named("id")
    if not name.isdecimal() or len(name) > 18:
        raise ConfigurationError(f"{name!r} is no number of a request")
    rows = await asyncio.to_thread(find_requests, visit.hub.state, int(name), visit.hub.requests)
    if not rows:
        raise NotThere(f"no request {name} is known", hint="older ones are let go of after some months")
    body: KeptBody | None = None
    if visit.may_change:
        body = await asyncio.to_thread(find_body, visit.hub.state / BODIES_FILE, int(name))
    told = [{"row": one, "bars": draw_waterfall(one), "speed": tokens_per_second(one)} for one in rows]
    return Shown(template="request.html", data={"told": told, "body": body}, title=f"Request {name}")


def _newest(hub: Hub, asked: Asked) -> Sequence[RequestRow]:
    wanted = asked.wanted(hub.wiring.clock.now())
    return newest_requests(hub.state, last=LISTED, wanted=wanted, log=hub.requests)


def _ask_quantiles(hub: Hub, asked: Asked, now: float) -> dict[str, list[QuantileRow]]:
    since = now - asked.seconds
    return {
        measure: hub.requests.quantiles(
            Quantiles(measure=measure, since=since, until=now + 60, by=("route",), route=asked.route)
        )
        for measure in MEASURES
    }


def _ask_course(hub: Hub, asked: Asked, now: float) -> list[QuantileRow]:
    since = now - asked.seconds
    if asked.seconds <= MINUTES_SECONDS:
        question = Quantiles(measure="ttft", since=since, until=now + 60, by=("minute",), route=asked.route)
    else:
        question = Quantiles(measure="ttft", since=since, until=now + 60, by=("hour",), route=asked.route)
    return hub.requests.quantiles(question)


PAGES = (
    Page(path="/requests", title="Requests", show=show, place=2, group="now"),
    Page(path="/requests/{id}", title="Request", show=show_one),
)
PARTS = (
    Part(name="requests", template="parts/requests.html", gather=gather_rows, every_seconds=1.0),
    Part(name="figures", template="parts/figures.html", gather=gather_figures, every_seconds=5.0),
)
