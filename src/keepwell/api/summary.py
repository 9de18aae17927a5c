"""The fleet in a few numbers and one word, for pages that others make. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from keepwell.app.overview.model import AlertRow, DeviceRow, EngineRow, NodeRow, Overview
from keepwell.core.finding import Status
from keepwell.core.observation import Missing

#: A status in a word.
WORDS = {Status.OK: "ok", Status.UNKNOWN: "unknown", Status.WARNING: "warning", Status.CRITICAL: "critical"}
#: Characters of the sentence that a widget shows.
TEXT_CHARACTERS = 120
#: A request that runs, in the rows of an overview.
_WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is told of: by what name, and how it is."""

    name: str
    status: Status


def find_status(overview: Overview) -> Status:
    """How all of it is: the worst of nodes, engines and incidents that last."""
    told = [one.status for one in overview.nodes]
    told += [one.status for one in _engines(overview)]
    told += [one.status for one in overview.alerts]
    return max(told, default=Status.UNKNOWN)


def find_line(overview: Overview, word: str) -> Line | None:
    """What is meant by "NODE" or "NODE/ENGINE", either with "=" and the name to show; None where it is not known."""
    subject, _, shown = word.partition("=")
    subject = subject.strip()
    for node in overview.nodes:
        if node.name == subject:
            return Line(name=shown.strip() or subject, status=worst_of(node))
    for engine in _engines(overview):
        if engine.ref.removeprefix("engine:") == subject:
            return Line(name=shown.strip() or subject, status=engine.status)
    return None


def worst_of(node: NodeRow) -> Status:
    """How a node is with all that runs on it."""
    return max([node.status, *(one.status for one in node.engines)])


def describe_homepage(overview: Overview) -> dict[str, Any]:
    """Flat, within a kilobyte: numbers and short texts; null where there is none. Percents are 0 to 100."""
    devices = [one for node in overview.nodes for one in node.devices]
    engines = list(_engines(overview))
    requests = overview.requests
    return {
        "schema": "keepwell.homepage/1",
        "at": round(overview.at),
        "status": WORDS[find_status(overview)],
        "text": _say(overview)[:TEXT_CHARACTERS],
        "nodes": len(overview.nodes),
        "nodes_well": sum(worst_of(one) is Status.OK for one in overview.nodes),
        "engines": len(engines),
        "engines_well": sum(one.status is Status.OK for one in engines),
        "models_loaded": sum(len(one.models) for one in engines),
        "devices": len(devices),
        "device_percent": _percent(_mean(one.utilisation_ratio for one in devices)),
        "device_memory_percent": _percent(_memory_ratio(devices)),
        "device_watts": _rounded(_sum(one.power_watts for one in devices)),
        "requests_running": sum(one.stage != _WAITING for one in requests),
        "requests_waiting": sum(one.stage == _WAITING for one in requests),
        "tokens_per_second": _rounded(_sum(one.tokens_per_second for one in requests)),
        "work": len(overview.work),
        "alerts": len(overview.alerts),
        "critical": sum(one.status is Status.CRITICAL for one in overview.alerts),
    }


def _say(overview: Overview) -> str:
    if overview.alerts:
        worst = max(overview.alerts, key=_severity)
        return worst.title or worst.subject
    status = find_status(overview)
    rows: tuple[EngineRow | NodeRow, ...] = (*_engines(overview), *overview.nodes)
    told = [one.state for one in rows if one.status is status and one.state]
    usual = {Status.OK: "all is well", Status.UNKNOWN: "not everything is known yet"}
    return usual.get(status) or next(iter(told), "something is not well")


def _severity(one: AlertRow) -> Status:
    return one.status


def _engines(overview: Overview) -> Iterator[EngineRow]:
    return (engine for node in overview.nodes for engine in node.engines)


def _numbers(values: Iterable[float | Missing]) -> list[float]:
    return [one for one in values if not isinstance(one, Missing)]


def _sum(values: Iterable[float | Missing]) -> float | None:
    """Of those that are known; None where none is."""
    found = _numbers(values)
    if not found:
        return None
    return sum(found)


def _mean(values: Iterable[float | Missing]) -> float | None:
    found = _numbers(values)
    if not found:
        return None
    return sum(found) / len(found)


def _memory_ratio(devices: Iterable[DeviceRow]) -> float | None:
    """Over the devices that tell both."""
    known = [
        (one.memory_used_bytes, one.memory_total_bytes)
        for one in devices
        if not isinstance(one.memory_used_bytes, Missing) and not isinstance(one.memory_total_bytes, Missing)
    ]
    total = sum(all_ for _, all_ in known)
    if not total:
        return None
    return sum(used for used, _ in known) / total


def _percent(ratio: float | None) -> float | None:
    if ratio is None:
        return None
    return round(100 * ratio, 1)


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    return round(value, 1)
