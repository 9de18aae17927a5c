"""Incidents that people keep: what was wrong, what was tried, what it was."""

from __future__ import annotations

from starlette.responses import Response

from keepwell.web.fields import take
from keepwell.web.page import Fields, Form, Page, Shown, Visit
from keepwell.web.work import begin, go_work, read

#: The colour of how one ended.
STATES = {"open": "warning", "confirmed": "ok", "likely": "ok", "suspected": "unknown"}


async def show(visit: Visit) -> Shown:
    """All of them."""
    told = await read(visit, "incident list", {})
    return Shown(template="incidents.html", data={"incidents": told["incidents"], "states": STATES})


async def show_one(visit: Visit) -> Shown:
    """One, whole."""
    told = await read(visit, "incident show", {"incident": visit.named("id")})
    causes = (await read(visit, "issues", {}))["issues"]
    data = {"one": told["incident"], "next": told["next"], "evidence": told["evidence"], "causes": causes}
    return Shown(template="incident.html", data=data, title=told["incident"]["what"] or told["incident"]["id"])


async def open_one(visit: Visit, fields: Fields) -> Response:
    """Keep what is wrong now."""
    return go_work(begin(visit, "incident open", {"what": take(fields, "what")}), "/incidents")


async def note(visit: Visit, fields: Fields) -> Response:
    """Write something down."""
    name = visit.named("id")
    given = {"incident": name, "text": take(fields, "text"), "checked": bool(take(fields, "checked"))}
    return go_work(begin(visit, "incident note", given), f"/incidents/{name}")


async def close(visit: Visit, fields: Fields) -> Response:
    """Write down what it was; the symptoms are looked at again."""
    name = visit.named("id")
    given = {"incident": name, "cause": take(fields, "cause"), "fixed_by": take(fields, "fixed_by")}
    return go_work(begin(visit, "incident close", given), f"/incidents/{name}")


PAGES = (
    Page(path="/incidents", title="Incidents", show=show, place=4, group="trouble"),
    Page(path="/incidents/{id}", title="Incident", show=show_one),
)
FORMS = (
    Form(path="/incidents", act=open_one),
    Form(path="/incidents/{id}/note", act=note),
    Form(path="/incidents/{id}/close", act=close),
)
