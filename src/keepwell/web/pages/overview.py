"""The fleet at one glance: how it is, who serves what, what runs, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keepwell.app.hub.house import House
from keepwell.app.overview.model import DeviceRow, NodeRow, Overview
from keepwell.core.finding import Status
from keepwell.core.observation import Missing
from keepwell.web.fleet import draw_fleet
from keepwell.web.page import Page, Part, Shown, Visit
from keepwell.web.serving import is_serving, read_settings

#: Requests, work and notes that are listed here.
REQUESTS, WORK, NOTES = 20, 12, 5


async def show(visit: Visit) -> Shown:
    """The page."""
    return Shown(template="overview.html", parts=("overview",))


async def gather(house: House, argument: str) -> Mapping[str, Any]:
    """What is known now."""
    hub = house.hub()
    found = await hub.overviews.newest(hub, hub.wiring.clock.now())
    settings = await read_settings(hub.state)
    routes: dict[str, list[str]] = {}
    if settings is not None:
        routes = {one.name: sorted(one.replicas) for one in settings.routes if not one.moved_from}
    return {
        "overview": found,
        "picture": draw_fleet(found.nodes, routes),
        "totals": sum_up(found),
        "serving": is_serving(hub.state),
        "requests": found.requests[:REQUESTS],
        "work": found.work[:WORK],
        "notes": found.notes[:NOTES],
    }


def sum_up(found: Overview) -> dict[str, Any]:
    """The figures at the top; Missing numbers count for nothing, and are not counted."""
    devices = [one for node in found.nodes for one in node.devices]
    used, total = _sum(devices, "memory_used_bytes"), _sum(devices, "memory_total_bytes")
    busy = _known(devices, "utilisation_ratio")
    return {
        "worst": max((one.status for one in found.nodes), default=Status.UNKNOWN),
        "nodes": len(found.nodes),
        "well": sum(one.status is Status.OK for one in found.nodes),
        "engines": sum(len(one.engines) for one in found.nodes),
        "engines_bad": sum(one.status >= Status.WARNING for node in found.nodes for one in node.engines),
        "devices": len(devices),
        "busy": sum(busy) / max(1, len(busy)),
        "memory_used": used,
        "memory_total": total,
        "memory_ratio": used / max(1.0, total),
        "watts": _sum(devices, "power_watts"),
        "loaded": sum(len(engine.models) for node in found.nodes for engine in node.engines),
        "running": sum(one.stage != "waiting" for one in found.requests),
        "waiting": sum(one.stage == "waiting" for one in found.requests),
        "said": tell_state(found.nodes, len(found.alerts)),
    }


def tell_state(nodes: Sequence[NodeRow], alerts: int) -> str:
    """How the fleet stands, in a sentence that is said aloud when it changes."""
    bad = [one.name for one in nodes if one.status >= Status.WARNING]
    if bad:
        return f"Not well: {', '.join(bad[:5])}" + f" and {len(bad) - 5} more" * (len(bad) > 5)
    if alerts:
        return f"All nodes are well; alerts: {alerts}"
    return "All is well"


def _known(devices: Iterable[DeviceRow], name: str) -> list[float]:
    found = (getattr(one, name) for one in devices)
    return [one for one in found if not isinstance(one, Missing)]


def _sum(devices: Iterable[DeviceRow], name: str) -> float:
    return sum(_known(devices, name))


PAGES = (Page(path="/", title="Overview", show=show, place=1, group="now"),)
PARTS = (Part(name="overview", template="parts/overview.html", gather=gather),)
