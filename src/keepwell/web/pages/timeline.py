"""What changed on a node, in one order."""

from __future__ import annotations

from keepwell.web.page import Page, Shown, Visit
from keepwell.web.work import read

#: How far back one may look.
SINCES = {"6h": "six hours", "2d": "two days", "7d": "a week", "30d": "thirty days"}
USUAL = "2d"


async def show(visit: Visit) -> Shown:
    """The page, by node, kind and time."""
    since = visit.asked("since", USUAL)
    if since not in SINCES:
        since = USUAL
    node, kind = visit.asked("node"), visit.asked("kind")
    given = {"since": since}
    if node:
        given["target"] = node
    told = await read(visit, "timeline", given)
    events = list(reversed(told["events"]))
    kinds = sorted({one["kind"] for one in events})
    if kind:
        events = [one for one in events if one["kind"] == kind]
    data = {
        "events": events,
        "kinds": kinds,
        "kind": kind,
        "node": node,
        "since": since,
        "sinces": SINCES,
        "nodes": [one.name for one in visit.hub.wiring.config.nodes],
        "unread": [one for one in told["unread"] if not one["absent"]],
    }
    return Shown(template="timeline.html", data=data)


PAGES = (Page(path="/timeline", title="Timeline", show=show, place=3, group="trouble"),)
