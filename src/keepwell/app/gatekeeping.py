"""The gateway's control side: finds engines and their models, writes the data plane's settings, keeps it running.

The data plane is a process of its own and goes on by its last settings while this side looks, fails or is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keepwell.app.engine_facts import Engines, Known, merge
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring, look, wire
from keepwell.config.model import EngineEntry
from keepwell.config.secret import load_secret
from keepwell.core.errors import AccessError, ConfigurationError, Unreachable
from keepwell.core.observation import Missing, absent
from keepwell.core.ref import engine as engine_ref
from keepwell.gateway.ask import Route
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.dialect import Offered
from keepwell.plugins.place import Site
from keepwell.store.folder import replace_private
from keepwell.store.keys import load_keys

#: Seconds between two looks at the engines: the lists and states that are asked for wake nothing.
LOOK_SECONDS = 2.0
#: Seconds for the data plane to end when it has nothing more to do.
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """Where to listen; `insecure` allows other machines to ask without any key, `declared` leaves out engines that are
    merely found.
    """

    host: str
    port: int
    insecure: bool = False
    declared: bool = False


async def run_gateway(caller: Caller, options: GatewayOptions) -> None:
    """Serve until Ctrl-C. Raises ConfigurationError for an address that is open to others without a key."""
    async with wire(caller) as wiring:
        require_safe(options, keyed=bool(load_keys(wiring.state)))
        sites = [one for one in await find_sites(wiring, caller, options) if urlsplit(one.url).port != options.port]
        engines = Engines(sites, wiring.hands)
        settings = make_settings(options, await engines.ask())
        path = settings_path(wiring.state)
        save_settings(path, settings)
        for line in describe(settings):
            caller.tell(line)
        await _keep(wiring, options, engines, path, settings)


def require_safe(options: GatewayOptions, *, keyed: bool) -> None:
    """Nobody but this machine is served without a key, unless the owner says so."""
    if not is_local(options.host) and not keyed and not options.insecure:
        raise ConfigurationError(
            "whoever reaches that address could use every model, since there is no key",
            where=f"--listen {options.host}:{options.port}",
            hint="make one with `keepwell key new NAME`, or say --insecure",
        )


def is_local(host: str) -> bool:
    """True for an address that only this machine reaches. Raises ConfigurationError for what is no address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise ConfigurationError(f"{host!r} is no IP address", hint="127.0.0.1, or 0.0.0.0 for all") from None


async def find_sites(wiring: Wiring, caller: Caller, options: GatewayOptions) -> list[Site]:
    """Engines that serve on this machine, and those that are declared on others."""
    result = await look(wiring, caller, level=1)
    here = [one for one in result.sites if one.declared]
    if not options.declared:
        here = [one for one in result.sites if one.declared or not isinstance(one.process, Missing)]
    urls = {one.url for one in here}
    away = [_site(one) for one in wiring.config.engines if one.url not in urls and one.node]
    return [*here, *away]


def make_settings(options: GatewayOptions, known: Iterable[Known]) -> Settings:
    """Every model of every engine under its own name; the same name on several engines is one route."""
    engines = list(known)
    routes: dict[str, dict[str, str]] = {}
    offered: dict[str, Offered] = {}
    for one in engines:
        for model in one.models:
            name = model.name.removesuffix(":latest")
            routes.setdefault(name, {})[one.replica.id] = model.name
            loaded = model.name in one.resident or offered.get(name, Offered(name=name)).loaded
            offered[name] = Offered(
                name=name,
                context_tokens=model.context_tokens,
                digest=model.digest,
                size_bytes=model.size_bytes,
                modified_at=model.modified_at,
                loaded=loaded,
            )
    return Settings(
        host=options.host,
        port=options.port,
        key_required=not is_local(options.host) and not options.insecure,
        replicas=tuple(one.replica for one in engines),
        routes=tuple(Route(name=name, replicas=replicas) for name, replicas in sorted(routes.items())),
        offered=tuple(offered[name] for name in sorted(offered)),
        resident={one.replica.id: one.resident for one in engines},
        well=tuple(one.replica.id for one in engines if one.well),
    )


def describe(settings: Settings) -> Iterator[str]:
    """For a person: what is offered, and by whom."""
    yield f"{len(settings.routes)} models on {len(settings.replicas)} engines"
    for route in settings.routes:
        yield f"  {route.name}  on {', '.join(route.replicas)}"
    if not settings.routes:
        yield "  none: start an engine, or declare one in keepwell.toml; it is found without a restart"


def settings_path(state: Path) -> Path:
    """Where the data plane's settings lie."""
    return state / SETTINGS_FILE


def save_settings(path: Path, settings: Settings) -> None:
    """Write them whole. Raises AccessError."""
    replace_private(path, render_settings(settings))


async def _keep(wiring: Wiring, options: GatewayOptions, engines: Engines, path: Path, settings: Settings) -> None:
    argv = [sys.executable, "-m", "keepwell.gateway.serve", str(wiring.state)]
    plane = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)
    looking = asyncio.create_task(_look_again(options, engines, path, settings))
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
        raise Unreachable(
            f"the gateway ended with exit code {code}", where=f"{options.host}:{options.port}", hint="see above"
        )


async def _end(plane: asyncio.subprocess.Process) -> None:
    """Let it finish what runs; a second signal ends it at once."""
    for _ in range(2):
        if plane.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                plane.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await plane.wait()


async def _look_again(options: GatewayOptions, engines: Engines, path: Path, settings: Settings) -> None:
    known: dict[str, Known] = {}
    while True:
        known = merge(known, await engines.ask())
        fresh = make_settings(options, known.values())
        if fresh != settings:
            settings = fresh
            with contextlib.suppress(AccessError):
                save_settings(path, settings)
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
