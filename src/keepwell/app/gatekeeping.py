"""The gateway's control side: finds engines and their models, writes the data plane's settings, keeps it running.

The data plane is a process of its own and goes on by its last settings while this side looks, fails or is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from keepwell.app.config_watch import ConfigWatch
from keepwell.app.engine_facts import Engines, Known, merge
from keepwell.app.offering import (
    GatewayOptions,
    describe,
    find_listens,
    make_settings,
    render_listen,
    require_safe,
)
from keepwell.app.operation import Caller
from keepwell.app.standing import add_standing
from keepwell.app.wiring import Wiring, look, wire
from keepwell.config.model import Config, EngineEntry
from keepwell.config.secret import load_secret
from keepwell.core.errors import AccessError, Unreachable
from keepwell.core.observation import Missing, absent
from keepwell.core.ref import engine as engine_ref
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.place import Site
from keepwell.store.folder import replace_private
from keepwell.store.keys import load_keys

#: Seconds between two looks at the engines: the lists and states that are asked for wake nothing.
LOOK_SECONDS = 2.0
#: Seconds for the data plane to end when it has nothing more to do.
END_SECONDS = 5.0


@dataclass(slots=True)
class Keeping:
    """What the control side works with while the data plane runs."""

    caller: Caller
    wiring: Wiring
    options: GatewayOptions
    engines: Engines
    settings: Settings


async def run_gateway(caller: Caller, options: GatewayOptions) -> None:
    """Serve until Ctrl-C. Raises ConfigurationError for an address that is open to others without a key."""
    async with wire(caller) as wiring:
        require_safe(options, wiring.config, keyed=bool(load_keys(wiring.state)))
        listens = find_listens(options, wiring.config)
        options = replace(options, listen=tuple(map(render_listen, listens)), here=wiring.hands.name)
        engines = Engines(await find_sites(wiring, caller, options), wiring.hands)
        settings = _settle(options, await engines.ask(), wiring.config)
        save_settings(settings_path(wiring.state), settings)
        for line in describe(settings):
            caller.tell(line)
        await _keep(Keeping(caller, wiring, options, engines, settings))


async def find_sites(wiring: Wiring, caller: Caller, options: GatewayOptions) -> list[Site]:
    """Engines that serve on this machine, and those that are declared on others; never the gateway itself."""
    own = {port for _, port in find_listens(options, wiring.config)}
    result = await look(wiring, caller, level=1)
    here = [one for one in result.sites if one.declared]
    if not options.declared:
        here = [one for one in result.sites if one.declared or not isinstance(one.process, Missing)]
    urls = {one.url for one in here}
    away = [_site(one) for one in wiring.config.engines if one.url not in urls and one.node]
    return [*(one for one in here if urlsplit(one.url).port not in own), *away]


def settings_path(state: Path) -> Path:
    """Where the data plane's settings lie."""
    return state / SETTINGS_FILE


def save_settings(path: Path, settings: Settings) -> None:
    """Write them whole. Raises AccessError."""
    replace_private(path, render_settings(settings))


def _settle(options: GatewayOptions, known: Iterable[Known], config: Config) -> Settings:
    """What the data plane goes by now."""
    engines = list(known)
    made = make_settings(options, engines, config)
    return add_standing(made, engines, config.routes, config.gateway, {}, time.time())


async def _keep(keeping: Keeping) -> None:
    argv = [sys.executable, "-m", "keepwell.gateway.serve", str(keeping.wiring.state)]
    plane = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)
    looking = asyncio.create_task(_look_again(keeping))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    ended, stopped = asyncio.create_task(plane.wait()), asyncio.create_task(told.wait())
    try:
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        looking.cancel()
        stopped.cancel()
        await _end(plane)
    code = await ended
    if code and not told.is_set():
        where = " ".join(keeping.options.listen)
        raise Unreachable(f"the gateway ended with exit code {code}", where=where, hint="see above")


async def _end(plane: asyncio.subprocess.Process) -> None:
    """Let it finish what runs; a second signal ends it at once."""
    for _ in range(2):
        if plane.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                plane.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await plane.wait()


async def _look_again(keeping: Keeping) -> None:
    known: dict[str, Known] = {}
    watch = ConfigWatch(keeping.caller, keeping.wiring.hands.name)
    while True:
        config = watch.look()
        if config is not None:
            keeping.wiring = replace(keeping.wiring, config=config)
            sites = await find_sites(keeping.wiring, keeping.caller, keeping.options)
            keeping.engines, known = Engines(sites, keeping.wiring.hands), {}
        known = merge(known, await keeping.engines.ask())
        fresh = _settle(keeping.options, known.values(), keeping.wiring.config)
        for line in sorted(set(fresh.gaps) - set(keeping.settings.gaps)):
            keeping.caller.tell(line)
        if fresh != keeping.settings:
            keeping.settings = fresh
            with contextlib.suppress(AccessError):
                save_settings(settings_path(keeping.wiring.state), fresh)
        await asyncio.sleep(LOOK_SECONDS)


def _site(entry: EngineEntry) -> Site:
    """An engine that is declared on another machine."""
    label = f"{entry.kind}:{urlsplit(entry.url).port or 80}"
    return Site(
        ref=engine_ref(entry.node, label),
        engine=entry.kind,
        url=entry.url,
        process=absent("it runs on another machine"),
        api_key=load_secret(entry.api_key, os.environ),
        declared=True,
    )
