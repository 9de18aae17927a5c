"""Asks the gateway's data planes how they are, each at its own door; no engine is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError, Unreachable
from keepwell.gateway.door import DoorPlate, load_plates
from keepwell.gateway.record.state import GatewayState
from keepwell.transport.base import Reply, Transport

#: Seconds for a plane to answer: it does so between two requests, within a millisecond if it is well.
ASK_SECONDS = 5.0
STATE_PATH = "/keepwell/state"


async def ask_planes(state: Path, transport: Transport) -> list[GatewayState]:
    """What each process that serves, or finishes its last streams, tells; the newest last."""
    told = await asyncio.gather(*(_ask_state(one, transport) for one in load_plates(state)))
    return [one for one in told if one is not None]


async def ask_door(plate: DoorPlate, path: str, transport: Transport) -> Reply:
    """One GET at a door. Raises AccessError."""
    url = f"http://127.0.0.1:{plate.port}{path}"
    headers = {"authorization": f"Bearer {plate.secret}"}
    return await transport.http("GET", url, headers=headers, timeout_seconds=ASK_SECONDS)


def find_serving(planes: list[GatewayState]) -> GatewayState | None:
    """The one that takes new connections."""
    return next((one for one in reversed(planes) if not one.plane.finishing), None)


async def require_serving(state: Path, transport: Transport) -> GatewayState:
    """What the one that takes new connections tells. Raises Unreachable where none runs, or none answers."""
    found = find_serving(await ask_planes(state, transport))
    if found is not None:
        return found
    silent = ", ".join(str(one.pid) for one in load_plates(state))
    if not silent:
        raise Unreachable("no gateway runs here", hint="start one: keepwell gateway")
    message = f"the gateway runs (process {silent}) and did not answer within {ASK_SECONDS:g} s"
    raise Unreachable(message, hint="it or this machine is busy: try again, or look: keepwell diagnose")


async def _ask_state(plate: DoorPlate, transport: Transport) -> GatewayState | None:
    """None where something else has the port by now, or nobody."""
    try:
        reply = await ask_door(plate, STATE_PATH, transport)
        found = msgspec.json.decode(reply.body, type=GatewayState)
    except (AccessError, msgspec.DecodeError):
        return None
    if found.plane.pid != plate.pid:
        return None
    return found
