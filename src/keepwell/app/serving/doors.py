"""Asks the gateway's data planes how they are, each at its own door; no engine is asked."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import quote

import msgspec

from keepwell.core.errors import AccessError, Unreachable
from keepwell.gateway.door import DoorPlate, load_plates
from keepwell.gateway.record.state import GatewayState
from keepwell.gateway.turning import TurnState
from keepwell.transport.base import Reply, Transport
from keepwell.turns.asking import TURNS_PATH

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


async def tell_cleared(state: Path, transport: Transport, turn: TurnState, note: str) -> None:
    """Models have left memory for somebody's device time; `note` tells which could not. A plane that does not hear it
    has its own limit of time.
    """
    row = {"id": turn.id, "holder": turn.holder, "device": turn.device, "note": note}
    query = quote(msgspec.json.encode(row).decode(), safe="")
    for one in load_plates(state):
        url = f"http://127.0.0.1:{one.port}{TURNS_PATH}?wish={query}"
        headers = {"authorization": f"Bearer {one.secret}"}
        with contextlib.suppress(AccessError):
            await transport.http("PUT", url, headers=headers, timeout_seconds=ASK_SECONDS)


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
