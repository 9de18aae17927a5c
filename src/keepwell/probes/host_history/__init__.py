"""What changed on the node, over all boots, from everything that writes it down; and what could not be read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Literal

from keepwell.core.event import Event
from keepwell.core.observation import Observation, Value
from keepwell.core.text import cut_text, escape_controls
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.probes.host_history._boots import read_boots
from keepwell.probes.host_history._containers import read_containers
from keepwell.probes.host_history._journal import read_journal
from keepwell.probes.host_history._packages import read_packages
from keepwell.probes.host_history._read import Read, oldest_wanted

#: Events that are kept, the newest: two weeks of a busy node are some hundred.
EVENTS_MAX = 2000
#: Characters of one text of an event.
TEXT_CHARACTERS = 300


class HostHistory:
    """Gives host.history, oldest first, and host.history_sources."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.5
    gives: tuple[str, ...] = ("host.history", "host.history_sources")
    needs: tuple[str, ...] = ("host.units",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Two observations; what could not be read stands among the sources, never as an error."""
        found = await asyncio.gather(
            read_boots(place), read_journal(place), read_packages(place), read_containers(place)
        )
        reads = [one for part in found for one in part]
        oldest = oldest_wanted(place)
        events = [event for one in reads for event in one.events if event.at >= oldest]
        events.sort(key=_moment)
        source = "/proc/stat, wtmp, journalctl, package logs, docker and podman events"
        return [
            place.saw("host.history", tuple(map(_row, events[-EVENTS_MAX:])), source),
            place.saw("host.history_sources", tuple(map(_source, reads)), source),
        ]


def _row(event: Event) -> Mapping[str, Value]:
    row: dict[str, Value] = {}
    for one in fields(event):
        value = getattr(event, one.name)
        if isinstance(value, str):
            value = cut_text(escape_controls(value), TEXT_CHARACTERS)
        if value:
            row[one.name] = value
    return row


def _source(one: Read) -> Mapping[str, Value]:
    row: dict[str, Value] = {"source": one.source, "state": one.state, "events": len(one.events)}
    if one.reason:
        row["reason"] = cut_text(escape_controls(one.reason), TEXT_CHARACTERS)
    if one.events:
        row["oldest_at"] = min(map(_moment, one.events))
    return row


def _moment(event: Event) -> float:
    return event.at


PROBE = HostHistory()
