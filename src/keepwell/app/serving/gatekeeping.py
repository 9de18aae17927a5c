"""The gateway's control side: finds engines and their models, writes the data plane's settings, keeps it running.

The data plane is a process of its own and goes on by its last settings while this side looks, fails or is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.serving.arrivals import Arrivals
from keepwell.app.serving.canaries import find_proofs
from keepwell.app.serving.caretaking import Caretaker
from keepwell.app.serving.config_watch import ConfigWatch
from keepwell.app.serving.engine_facts import Engines, Known, merge
from keepwell.app.serving.offering import (
    GatewayOptions,
    describe,
    find_listens,
    make_settings,
    render_listen,
    require_safe,
)
from keepwell.app.serving.own_devices import find_own_devices
from keepwell.app.serving.planes import Planes, ask_restart
from keepwell.app.serving.power import PowerWatch
from keepwell.app.serving.spans import SpanSender
from keepwell.app.serving.standing import add_standing
from keepwell.app.serving.turning import There, TurnKeeper
from keepwell.app.wiring import Wiring, read_config, wire
from keepwell.config.model import Config, EngineEntry
from keepwell.config.secret import load_secret
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent
from keepwell.core.ref import engine as engine_ref
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.place import Site
from keepwell.plugins.routing import find_port
from keepwell.store.folder import replace_private
from keepwell.store.keys import load_keys

#: Seconds between two looks at the engines: the lists and states that are asked for wake nothing.
LOOK_SECONDS = 2.0
#: Seconds for an engine to answer once its address was taken over: it has left it for another, and starts again there.
ENGINE_SECONDS = 15.0

#: What runs as long as the gateway does; it gets the wiring and the planes.
Beside = Callable[[Wiring, Planes], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class Keeping:
    """What the control side works with while the data plane runs."""

    caller: Caller
    wiring: Wiring
    options: GatewayOptions
    caretaker: Caretaker
    turns: TurnKeeper
    engines: Engines | None = None
    settings: Settings = field(default_factory=Settings)
    power: PowerWatch = field(default_factory=PowerWatch)
    spans: SpanSender = field(default_factory=partial(SpanSender, os.environ))


@contextlib.asynccontextmanager
async def alone(wiring: Wiring, planes: Planes) -> AsyncIterator[None]:
    """Nothing beside the gateway."""
    yield


async def run_gateway(caller: Caller, options: GatewayOptions, beside: Beside = alone) -> None:
    """Serve until Ctrl-C, with what is wanted `beside` it: entered when the sockets are open, left when all has ended
    or is about to start again. Raises ConfigurationError for an address that is open to others without a key.
    """
    async with wire(caller) as wiring:
        require_safe(options, wiring.config, keyed=bool(load_keys(wiring.state)))
        listens = find_listens(options, wiring.config)
        planes = Planes(wiring.state, wiring.hands, caller.tell)
        await planes.open(listens, patient=options.wait_seconds > 0)
        check = partial(_check_config, wiring, caller, options)
        options = replace(options, listen=tuple(map(render_listen, listens)), here=wiring.hands.name)
        turns = TurnKeeper(wiring.state, wiring.hands, caller.tell)
        keeping = Keeping(caller, wiring, options, Caretaker(caller, wiring.state, wiring.hands), turns)
        if not planes.handed:  # else the next plane begins with what the one before goes by, without a wait
            await _look_first(keeping)
            await _take_missing(keeping, planes)
        async with beside(wiring, planes):
            looking = asyncio.create_task(_keep_looking(keeping))
            try:
                order = await planes.serve(check)
            finally:
                looking.cancel()
                await keeping.caretaker.close()
                await keeping.turns.close()
    if order == "restart":
        planes.start_again()


async def _take_missing(keeping: Keeping, planes: Planes) -> None:
    """Wait for addresses that another program holds, ready to serve; then for an engine that answers, since it may have
    held one of them: whoever connects meanwhile waits too.
    """
    if not planes.listening.missing:
        return
    ready = ready_path(keeping.wiring.state)
    missing = planes.listening.words
    keeping.caller.tell(f"another program holds {missing}: waits until it leaves, {keeping.options.wait_seconds:g} s")
    await planes.prepare()
    replace_private(ready, missing.encode())
    await planes.listening.take(keeping.options.wait_seconds)
    until = time.monotonic() + ENGINE_SECONDS
    while not any(one.well for one in await _get_engines(keeping).ask()) and time.monotonic() < until:
        await _look_first(keeping)


def _get_engines(keeping: Keeping) -> Engines:
    return keeping.engines or Engines((), keeping.wiring.hands)


def ready_path(state: Path) -> Path:
    """The file that a gateway writes once it lacks nothing any more but an address that another program holds."""
    return state / "gateway" / "ready"


async def restart_gateway(caller: Caller) -> None:
    """Let the gateway that runs start again, no stream is cut. Raises Unreachable where none runs."""
    async with wire(caller) as wiring:
        before, after = await ask_restart(wiring.state, wiring.hands)
    caller.tell(f"process {after} serves now, {before} finishes what it began")


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


def _settle(options: GatewayOptions, known: Iterable[Known], config: Config, caretaker: Caretaker) -> Settings:
    """What the data plane goes by now."""
    engines = list(known)
    made = make_settings(options, engines, config)
    return add_standing(made, engines, config.routes, config.gateway, find_proofs(caretaker.canaries), time.time())


def _check_config(wiring: Wiring, caller: Caller, options: GatewayOptions) -> None:
    """Raises ConfigurationError where a gateway that starts again would not come back."""
    config = read_config(caller, wiring.hands.name)
    require_safe(options, config, keyed=bool(load_keys(wiring.state)))


async def _look_first(keeping: Keeping) -> Engines:
    """Find the engines, save what the data plane goes by, and tell it."""
    sites = await find_sites(keeping.wiring, keeping.caller, keeping.options)
    keeping.turns.found = await find_own_devices(keeping.wiring)
    keeping.engines = engines = Engines(sites, keeping.wiring.hands)
    known = await engines.ask()
    keeping.settings = _settle(keeping.options, known, keeping.wiring.config, keeping.caretaker)
    keeping.turns.write_rules(
        There(known=known, engines=engines, settings=keeping.settings, config=keeping.wiring.config)
    )
    save_settings(settings_path(keeping.wiring.state), keeping.settings)
    for line in describe(keeping.settings):
        keeping.caller.tell(line)
    return engines


async def _keep_looking(keeping: Keeping) -> None:
    """A mistake in it is told and costs one look: the data plane goes on by what it has."""
    while True:
        looking = asyncio.create_task(_look_again(keeping))
        try:
            await asyncio.wait((looking,))
        finally:
            looking.cancel()
        keeping.caller.tell(f"looking at the engines failed and is tried again: {looking.exception()!r}")
        await asyncio.sleep(LOOK_SECONDS)


async def _look_again(keeping: Keeping) -> None:
    known: dict[str, Known] = {}
    watch, arrivals = ConfigWatch(keeping.caller, keeping.wiring.hands.name), Arrivals(keeping.wiring.hands)
    engines = keeping.engines or await _look_first(keeping)
    while True:
        config = watch.look()
        if config is not None:
            keeping.wiring = replace(keeping.wiring, config=config)
            sites = await find_sites(keeping.wiring, keeping.caller, keeping.options)
            keeping.engines = engines = Engines(sites, keeping.wiring.hands)
        elif await arrivals.is_due(time.monotonic()):
            engines.add(await find_sites(keeping.wiring, keeping.caller, keeping.options))
        asked = await engines.ask()
        there = {one.replica.id for one in asked}
        known = merge({name: one for name, one in known.items() if name in there}, asked)
        fresh = _settle(keeping.options, known.values(), keeping.wiring.config, keeping.caretaker)
        for line in sorted(set(fresh.gaps) - set(keeping.settings.gaps)):
            keeping.caller.tell(line)
        if fresh != keeping.settings:
            keeping.settings = fresh
            with contextlib.suppress(AccessError):
                save_settings(settings_path(keeping.wiring.state), fresh)
        now = time.time()
        keeping.power.tend(keeping.wiring, now)
        keeping.spans.tend(keeping.wiring, now)
        config = keeping.wiring.config
        await keeping.caretaker.tend(list(known.values()), engines, fresh, config, now)
        await keeping.turns.tend(There(known=list(known.values()), engines=engines, settings=fresh, config=config), now)
        await asyncio.sleep(LOOK_SECONDS)


def _site(entry: EngineEntry) -> Site:
    """An engine that is declared on another machine."""
    label = f"{entry.kind}:{find_port(entry.url)}"
    return Site(
        ref=engine_ref(entry.node, label),
        engine=entry.kind,
        url=entry.url,
        process=absent("it runs on another machine"),
        api_key=load_secret(entry.api_key, os.environ),
        declared=True,
    )
