"""The fleet at one glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keepwell.app.hub.house import House
from keepwell.web.page import Page, Part, Shown, Visit


async def show(visit: Visit) -> Shown:
    """The page."""
    return Shown(template="overview.html", parts=("overview",))


async def gather(house: House, argument: str) -> Mapping[str, Any]:
    """What is known now."""
    return {"nodes": sorted(house.hub().pictures)}


PAGES = (Page(path="/", title="Overview", show=show, place=1, group="now"),)
PARTS = (Part(name="overview", template="parts/overview.html", gather=gather),)
