"""Where a rehearsal is played: the gateway that runs, or a data plane of its own where that asks for keys or HTTPS,
moves a share of the route already, or does not run.

Both go the same way as clients' requests do, with translation, rules and proofs. Requests at a data plane of its own
are in no record and count against no key.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.serving.engine_facts import Engines
from keepwell.app.serving.gatekeeping import find_sites
from keepwell.app.serving.offering import GatewayOptions, make_settings
from keepwell.app.serving.standing import add_standing
from keepwell.app.wiring import Wiring
from keepwell.gateway.choice.cordons import load_cordons
from keepwell.gateway.plane import Plane
from keepwell.gateway.record.recorder import Recorder
from keepwell.gateway.settings import SETTINGS_FILE, Settings, load_settings
from keepwell.store.keys import load_keys

#: Addresses that mean all of a machine's, and the one of them that this machine reaches.
ALL = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The settings that routes are looked up in, where to ask, and what that is in words."""

    settings: Settings
    url: str
    what: str


@asynccontextmanager
async def set_stage(caller: Caller, wiring: Wiring) -> AsyncIterator[Stage]:
    """The place, for as long as it is needed. Raises ConfigurationError, AccessError."""
    serving = find_serving(await ask_planes(wiring.state, wiring.hands))
    if serving is None:
        caller.tell("no gateway runs: looking for engines")
        settings = await _look(caller, wiring)
        what = "a data plane of this command (no gateway runs)"
    else:
        settings = load_settings(wiring.state / SETTINGS_FILE)
        host, _, port = next(iter(serving.plane.listening), "").rpartition(":")
        open_to_us = not settings.certificate and not settings.key_required and not load_keys(wiring.state)
        if host and open_to_us and not serving.moved:
            yield Stage(
                settings=settings, url=f"http://{ALL.get(host, host)}:{port}", what=f"the gateway at {host}:{port}"
            )
            return
        what = "a data plane of this command, by the running gateway's settings"
    async with _plane_of_its_own(settings, wiring.state) as url:
        yield Stage(settings=settings, url=url, what=what)


async def _look(caller: Caller, wiring: Wiring) -> Settings:
    """What a gateway that started now would go by."""
    options = GatewayOptions(here=wiring.hands.name)
    sites = await find_sites(wiring, caller, options)
    known = await Engines(sites, wiring.hands).ask()
    made = make_settings(options, known, wiring.config)
    return add_standing(made, known, wiring.config.routes, wiring.config.gateway, {}, wiring.clock.now())


@asynccontextmanager
async def _plane_of_its_own(settings: Settings, state: Path) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="keepwell-rehearsal-") as folder:
        recorder = Recorder(Path(folder) / "requests.db")
        plane = Plane(replace(settings, key_required=False, bodies=(), services=()), recorder)
        plane.cordon(load_cordons(state))
        plane.reserve(time.time())
        server = await loop.create_server(plane.make_client, "127.0.0.1", 0)
        ticking = asyncio.create_task(plane.gate.keep_time())
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            server.close()
            plane.gate.close()
            recorder.close()
