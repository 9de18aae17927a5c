"""Models: where each is, what it is made of, whether it is in memory, and how it is known that it is the one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keepwell.app.hub.house import House
from keepwell.web.holdings import list_holdings
from keepwell.web.page import Page, Part, Shown, Visit
from keepwell.web.serving import is_serving, read_settings
from keepwell.web.work import read

#: Models that are listed.
LISTED = 300


async def show(visit: Visit) -> Shown:
    """The page; with `disk=1` the model stores of this machine are looked at, too."""
    stores: dict[str, Any] = {}
    if visit.asked("disk") == "1":
        stores = await read(visit, "models list", {})
    return Shown(template="models.html", data={"stores": stores}, parts=("models",))


async def gather(house: House, argument: str) -> Mapping[str, Any]:
    """All that are served or in memory."""
    hub = house.hub()
    found = await hub.overviews.newest(hub, hub.wiring.clock.now())
    holdings = list_holdings(found.nodes, await read_settings(hub.state))
    return {"holdings": holdings[:LISTED], "count": len(holdings), "serving": is_serving(hub.state)}


PAGES = (Page(path="/models", title="Models", show=show, place=3, group="now"),)
PARTS = (Part(name="models", template="parts/models.html", gather=gather, every_seconds=2.0),)
