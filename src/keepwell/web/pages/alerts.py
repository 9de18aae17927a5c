"""What is wrong and lasts: each incident with its cause, its fix and the command; who knows; how outlets do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from keepwell.app.hub.house import House
from keepwell.web.fields import take
from keepwell.web.looking import look
from keepwell.web.page import Fields, Form, Page, Part, Shown, Visit
from keepwell.web.work import begin, go_work, read

#: Entries of the history that are shown.
ENTRIES = 100


async def show(visit: Visit) -> Shown:
    """What lasts, live."""
    return Shown(template="alerts.html", parts=("alerts",))


async def gather(house: House, argument: str) -> Mapping[str, Any]:
    """As the hub decided last."""
    return {"told": await look(house, "alerts list", {})}


async def show_history(visit: Visit) -> Shown:
    """What was told, and what was known at that moment."""
    told = await read(visit, "alerts history", {"last": ENTRIES})
    return Shown(template="alert_history.html", data={"entries": list(reversed(told["entries"]))})


async def acknowledge(visit: Visit, fields: Fields) -> Response:
    """Somebody knows."""
    given = {"incident": visit.named("id"), "note": take(fields, "note")}
    return go_work(begin(visit, "alerts ack", given), "/alerts")


async def maintain(visit: Visit, fields: Fields) -> Response:
    """Tell nobody of it for a time, or end that."""
    given: dict[str, object] = {"subject": take(fields, "subject"), "for": take(fields, "for", "1h")}
    given["why"] = take(fields, "why")
    if take(fields, "end"):
        given = {"subject": take(fields, "subject"), "end": True}
    return go_work(begin(visit, "alerts maintenance", given), "/alerts")


async def try_outlets(visit: Visit, fields: Fields) -> Response:
    """Send a test to all outlets."""
    return go_work(begin(visit, "alerts test", {}), "/alerts")


PAGES = (
    Page(path="/alerts", title="Alerts", show=show, place=2, group="trouble"),
    Page(path="/alerts/history", title="What was told", show=show_history),
)
FORMS = (
    Form(path="/alerts/maintenance", act=maintain),
    Form(path="/alerts/test", act=try_outlets),
    Form(path="/alerts/{id}/ack", act=acknowledge),
)
PARTS = (Part(name="alerts", template="parts/alerts.html", gather=gather, every_seconds=2.0),)
