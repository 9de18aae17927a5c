"""A real hub's HTTP over a made-up fleet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from keepwell.app.hub.answering import Answering
from keepwell.app.hub.duty import Hub
from keepwell.config.hub_model import HubEntry
from keepwell.core.errors import AccessError
from keepwell.store.hub_door import find_hub_door
from keepwell.transport.clock import SystemClock
from tests.app.overview.made import make_fleet
from tests.support import eventually_async, free_port


@asynccontextmanager
async def serve_hub(state: Path, nodes: int = 2, gpus: int = 2) -> AsyncIterator[Hub]:
    """It answers on a free port of this machine; its door stands in the state folder."""
    hub = make_fleet(state, SystemClock().now(), nodes, gpus)
    config = replace(hub.wiring.config, hub=HubEntry(listen=(f"127.0.0.1:{free_port()}",)))
    hub = replace(hub, wiring=replace(hub.wiring, config=config))
    duty = Answering()

    async def answers() -> bool:
        door = find_hub_door(state)
        if door is None:
            return False
        try:
            return (await hub.wiring.hands.http("GET", door.url + "/health")).status == 200
        except AccessError:
            return False

    try:
        await duty.do(hub, hub.wiring.clock.now())
        await eventually_async(answers)
        yield hub
    finally:
        await duty.close()
        await asyncio.sleep(0)
