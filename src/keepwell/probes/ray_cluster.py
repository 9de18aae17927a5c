"""A Ray cluster: this node's daemon by its command line, and the whole by the dashboard, or else by `ray status`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed, unknown
from keepwell.core.text import escape_controls
from keepwell.core.values import rows_of, texts_of
from keepwell.formats.ray import (
    Demand,
    Raylet,
    RayNode,
    parse_groups,
    parse_nodes,
    parse_ray_status,
    parse_raylet,
    parse_release,
    parse_status_answer,
    total_of,
)
from keepwell.plugins.ask import fetch, parse_fields
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Seconds for one answer of the dashboard: the first one after its start takes two.
ASK_SECONDS = 5.0
#: Seconds for `ray status`: starting its Python alone takes three.
STATUS_SECONDS = 15.0
NODES = "/nodes?view=summary"
GROUPS = "/api/v0/placement_groups?detail=true&limit=1000"
STATUS = "/api/cluster_status?format=1"


class RayCluster:
    """Gives ray.node and ray.cluster."""

    level = 3
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 1.0
    gives: tuple[str, ...] = ("ray.node", "ray.cluster")
    needs: tuple[str, ...] = ("host.processes",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Both; absent on a node without a raylet."""
        processes = place.seen.value(place.node, "host.processes")
        if isinstance(processes, Missing):
            return [place.saw(name, processes, "the processes") for name in self.gives]
        found = [parse_raylet(texts_of(row.get("argv"))) for row in rows_of(processes)]
        raylets = [one for one in found if one is not None]
        if not raylets:
            reason = absent("no raylet runs on this node")
            return [place.saw(name, reason, "the processes") for name in self.gives]
        mine = next((one for one in raylets if one.head), raylets[0])
        version = await _release(place.transport, mine.package)
        url, cluster = await _ask_cluster(place.transport, mine)
        node = _node_value(replace(mine, promised=_sum_up(raylets)), version)
        return [
            place.saw("ray.node", node, "the command line of raylet"),
            place.saw("ray.cluster", cluster, url),
        ]


def _sum_up(raylets: list[Raylet]) -> Mapping[str, float]:
    """What all daemons of this node promise together: more than one is usual in tests alone."""
    promised: dict[str, float] = {}
    for one in raylets:
        for name, number in one.promised.items():
            promised[name] = promised.get(name, 0.0) + number
    return promised


def _node_value(one: Raylet, version: str) -> dict[str, Value]:
    return {
        "address": one.address,
        "gcs_address": one.gcs_address,
        "head": one.head,
        "version": version,
        "python": one.python,
        "gpus": one.promised.get("GPU", 0.0),
        "cpus": one.promised.get("CPU", 0.0),
        "object_folder": one.object_folder,
    }


async def _release(transport: Transport, package: str) -> str:
    if not package:
        return ""
    try:
        return parse_release((await transport.read(f"{package}/_version.py")).decode("utf-8", "replace"))
    except AccessError:
        return ""


async def _ask_cluster(transport: Transport, mine: Raylet) -> tuple[str, Value | Missing]:
    """The cluster, and where it was asked: the dashboard that the daemon was told of, or the one on the head."""
    head = mine.gcs_address.rpartition(":")[0]
    places = dict.fromkeys(one for one in (mine.dashboard, f"{head}:8265" * bool(head)) if one)
    reason: Missing = unknown("its command line names no dashboard")
    url = "the command line of raylet"
    for each in places:
        url = f"http://{each}"
        found = await _ask_dashboard(transport, url)
        if not isinstance(found, Missing):
            return url, found
        reason = found
    told = await _ask_command(transport, mine)
    if isinstance(told, Missing):
        return url, failed(f"no dashboard answered ({reason.reason}), and ray status told nothing ({told.reason})")
    return "ray status", told


async def _ask_dashboard(transport: Transport, url: str) -> Value | Missing:
    try:
        version = parse_fields((await fetch(transport, f"{url}/api/version", seconds=ASK_SECONDS)).body)
        if isinstance(version, Missing) or not version.text("ray_version"):
            return absent("something else answers there")
        bodies = await asyncio.gather(
            *(fetch(transport, f"{url}{path}", seconds=ASK_SECONDS) for path in (NODES, GROUPS, STATUS))
        )
    except AccessError as error:
        return failed(error)
    nodes, status = parse_nodes(bodies[0].body), parse_status_answer(bodies[2].body)
    groups = parse_groups(bodies[1].body)
    tasks = tuple(one for one in status.demands if one.kind == "task" or not groups)
    gpus, cpus = total_of(nodes, "GPU"), total_of(nodes, "CPU")
    active = sum(one.state == "ALIVE" for one in nodes)
    if not nodes:
        # The dashboard of a young cluster lists no node yet, while its own status knows them all.
        gpus, cpus = status.totals.get("GPU", (0.0, 0.0))[1], status.totals.get("CPU", (0.0, 0.0))[1]
        active = status.active
    return {
        "url": url,
        "version": escape_controls(version.text("ray_version")),
        "nodes": tuple(_row(one) for one in nodes),
        "gpus": gpus,
        "cpus": cpus,
        "active": active,
        "failed": status.failed,
        "demands": tuple(_demand(one) for one in (*groups, *tasks)),
    }


async def _ask_command(transport: Transport, mine: Raylet) -> Value | Missing:
    """`ray status` of the installation that the daemon came from."""
    folder = mine.package.partition("/lib/")[0]
    if not folder or not mine.gcs_address:
        return unknown("where the ray program lies cannot be told")
    argv = (f"{folder}/bin/ray", "status", f"--address={mine.gcs_address}")
    try:
        ran = await transport.run(argv, timeout_seconds=STATUS_SECONDS)
    except AccessError as error:
        return failed(error)
    status = parse_ray_status(ran.text)
    if ran.code or not status.totals:
        return failed(f"{' '.join(argv)} ended with {ran.code}")
    return {
        "gpus": status.totals.get("GPU", (0.0, 0.0))[1],
        "cpus": status.totals.get("CPU", (0.0, 0.0))[1],
        "active": status.active,
        "failed": status.failed,
        "demands": tuple(_demand(one) for one in status.demands),
    }


def _row(one: RayNode) -> Mapping[str, Value]:
    return {
        "address": escape_controls(one.address),
        "name": escape_controls(one.name),
        "head": one.head,
        "state": escape_controls(one.state),
        "gpus": one.gpus,
        "cpus": one.cpus,
    }


def _demand(one: Demand) -> Mapping[str, Value]:
    """A row; `address` is the node's that a resource such as "node:10.0.0.4" names."""
    addresses = [name.partition(":")[2] for name in one.wants if name.startswith("node:")]
    wants = ", ".join(f"{number:g} {name}" for name, number in one.wants.items())
    if one.bundles > 1:
        wants = f"{one.bundles} x ({wants})"
    return {
        "kind": one.kind,
        "name": escape_controls(one.name),
        "wants": escape_controls(wants),
        "gpus": one.bundles * one.wants.get("GPU", 0.0),
        "address": escape_controls("".join(addresses[:1])),
        "state": escape_controls(one.state),
    }


PROBE = RayCluster()
