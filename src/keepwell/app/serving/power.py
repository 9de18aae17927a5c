"""Reads what the devices of this node draw, for the gateway's record: only where the owner wishes it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from keepwell.app.wiring import Wiring
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation
from keepwell.core.ref import node as node_ref
from keepwell.gateway.record.power import POWER_FILE, Watts, render_watts
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe
from keepwell.plugins.registry import load
from keepwell.store.folder import replace_private
from keepwell.transport.base import Transport

#: Seconds between two looks: each takes some tenths of a second of one core.
LOOK_SECONDS = 10.0
#: The probe, and what it says of power.
PROBE, READING = "gpu_readings", "device.power_watts"


class PowerWatch:
    """Looks now and then while the gateway runs; one look at a time, and nobody waits for it."""

    def __init__(self) -> None:
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    def tend(self, wiring: Wiring, wall: float) -> None:
        """Look if it is time, and the owner wishes to know the energy; `wall` is in seconds since the epoch."""
        if not wiring.config.gateway.energy or wall - self._looked_at < LOOK_SECONDS:
            return
        if self._looking is None or self._looking.done():
            self._looked_at = wall
            self._looking = asyncio.create_task(self._look(wiring, wall))

    async def _look(self, wiring: Wiring, wall: float) -> None:
        save_watts(wiring.state, await look_at_power(wiring, wall))


async def look_at_power(wiring: Wiring, wall: float) -> Watts:
    """What all devices of this node draw together; with the reason where one of them does not tell."""
    transport: Transport = wiring.hands
    place = Place(node=node_ref(transport.name), transport=transport, clock=wiring.clock)
    probe = cast("Probe", load("probes", PROBE))
    return add_up(transport.name, await probe.observe(place), wall)


def add_up(node: str, observations: Iterable[Observation], wall: float) -> Watts:
    """The sum; a part that is missing makes it unknown, since a sum without it would be false."""
    values = [one.value for one in observations if one.name == READING]
    for value in values:
        if isinstance(value, Missing):
            return Watts(node=node, at=wall, why=value.reason)
    if not values:
        return Watts(node=node, at=wall, why="no device that tells its power")
    return Watts(node=node, at=wall, watts=sum(float(str(value)) for value in values))


def save_watts(state: Path, watts: Watts) -> None:
    """For the data plane to read; what cannot be written is not known there."""
    with contextlib.suppress(AccessError):
        replace_private(state / POWER_FILE, render_watts({watts.node: watts}))
