"""Objectives: what was promised, how much of the allowance is used, and when it ends at this pace."""

from __future__ import annotations

from keepwell.web.page import Page, Shown, Visit
from keepwell.web.work import read


async def show(visit: Visit) -> Shown:
    """All of them, and what will be full when."""
    told = await read(visit, "slo", {})
    return Shown(template="objectives.html", data={"objectives": told["objectives"]})


PAGES = (Page(path="/objectives", title="Objectives", show=show, place=5, group="trouble"),)
