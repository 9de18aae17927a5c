"""Keeps pinned models in memory and sends away the others when their time is over.

What is to be done is found out purely from a look; it is done beside the looks, one errand for each engine at a time.
Nothing here loads or keeps a model that is not pinned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from keepwell.app.serving.engine_facts import Known
from keepwell.config.gateway_model import OptionValue
from keepwell.core.errors import AccessError
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.record.state import GatewayState, ReplicaState
from keepwell.plugins.ask import error_text
from keepwell.plugins.asking import send
from keepwell.plugins.place import Site
from keepwell.plugins.residency import LoadsModels, Stay
from keepwell.transport.base import Transport
from keepwell.turns.words import TAKEN

#: Seconds for a load: of a large model from a slow disk.
LOAD_SECONDS = 900.0
#: Seconds after a load before the same model is loaded there again, however it ended: two that are pinned and do not
#: fit together would otherwise drive each other out for ever.
AGAIN_SECONDS = 60.0
#: A pinned model whose time in memory ends sooner than this is told to stay. "For ever" is centuries ahead.
EVER_SECONDS = 30 * 86400.0

Deed: TypeAlias = Literal["load", "stay", "unload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something to be done with a model at a replica, and why."""

    replica: str
    model: str
    deed: Deed
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    embeds: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A model that is to stay, with the options that it is loaded with."""

    model: str
    options: Mapping[str, OptionValue]


def find_pins(routes: Iterable[Route], pinned: Mapping[str, Mapping[str, OptionValue]]) -> dict[str, list[Pin]]:
    """The pinned models of each replica. `pinned` are the options of pinned routes by name."""
    found: dict[str, list[Pin]] = {}
    for route in routes:
        if route.name in pinned:
            for replica, model in route.replicas.items():
                found.setdefault(replica, []).append(Pin(model=model, options=pinned[route.name]))
    return found


def find_errands(
    known: Iterable[Known],
    pins: Mapping[str, list[Pin]],
    state: GatewayState | None,
    unload_seconds: float,
    now: float,
) -> Iterator[Errand]:
    """What is to be done now. `state` is what the gateway tells of its work; without it nothing is sent away, and
    nothing is loaded where the owner wants no new work, or while somebody has the device to run a job there.
    """
    at_work, taken = {}, set[str]()
    if state is not None:
        at_work = {one.replica: one for one in state.replicas}
        taken = {name for one in state.turns if one.stage in TAKEN for name in one.replicas}
    for one in known:
        kept = pins.get(one.replica.id, [])
        there = at_work.get(one.replica.id)
        if one.well and one.replica.id not in taken and (there is None or not there.cordoned):
            yield from _keep(one, kept, now)
        if unload_seconds and one.well and there is not None:
            yield from _send_away(one, kept, there, unload_seconds)


def find_surplus(known: Iterable[Known], pins: Mapping[str, list[Pin]]) -> Iterator[str]:
    """For the owner: engines for which more is pinned than they hold."""
    for one in known:
        models = {pin.model for pin in pins.get(one.replica.id, [])}
        if one.replica.holds and len(models) > one.replica.holds:
            yield f"{one.replica.id}: {len(models)} models are pinned, and it holds {one.replica.holds}"


def _keep(one: Known, pins: Iterable[Pin], now: float) -> Iterator[Errand]:
    """Pinned models that are not there, or that would not stay; no more than the engine holds."""
    offered = {model.name for model in one.models}
    for number, pin in enumerate(pins):
        if pin.model not in offered or (one.replica.holds and number >= one.replica.holds):
            continue
        there = one.find_loaded(pin.model)
        abilities = one.abilities.get(pin.model)
        embeds = abilities is not None and "chat" in abilities.cannot
        if there is None:
            why = "pinned, and not in memory"
            yield _errand(one, pin, "load", embeds=embeds, why=why)
        elif 0 < there.expires_at - now < EVER_SECONDS:
            why = f"pinned, and in memory for {there.expires_at - now:.0f} s only"
            yield _errand(one, pin, "stay", embeds=embeds, why=why)


def _errand(one: Known, pin: Pin, deed: Deed, *, embeds: bool, why: str) -> Errand:
    return Errand(replica=one.replica.id, model=pin.model, deed=deed, options=pin.options, embeds=embeds, why=why)


def _send_away(one: Known, pins: Iterable[Pin], there: ReplicaState, seconds: float) -> Iterator[Errand]:
    """Models that the gateway used and nobody asks for any more; none while the replica works on anything."""
    if there.running:
        return
    kept = [one.find_loaded(pin.model) for pin in pins]
    for model in one.loaded:
        idle = there.idle_seconds.get(model.name, -1.0)
        if model not in kept and idle >= seconds:
            why = f"nobody asked for it for {idle:.0f} s"
            yield Errand(replica=one.replica.id, model=model.name, deed="unload", why=why)


class Residents:
    """Does errands; `tell` is told how each came out."""

    def __init__(self, transport: Transport, tell: Callable[[str], None]) -> None:
        self._transport = transport
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done_at: dict[tuple[str, str, Deed], float] = {}
        self._told: set[str] = set()

    def tend(self, errands: Iterable[Errand], engines: Mapping[str, tuple[Site, object]], now: float) -> None:
        """Begin what is to be done and is not being done; an engine has one errand at a time."""
        for one in errands:
            running = self._tasks.get(one.replica)
            key = one.replica, one.model, one.deed
            if (running is not None and not running.done()) or now - self._done_at.get(key, -AGAIN_SECONDS) < (
                AGAIN_SECONDS
            ):
                continue
            site, plugin = engines[one.replica]
            if isinstance(plugin, LoadsModels):
                self._done_at[key] = now
                self._tasks[one.replica] = asyncio.create_task(self._do(one, site, plugin))

    async def close(self) -> None:
        """Let go of what is being done; engines finish it by themselves."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _do(self, one: Errand, site: Site, plugin: LoadsModels) -> None:
        call = plugin.load(one.model, Stay(options=one.options, embeds=one.embeds))
        if one.deed == "unload":
            call = plugin.unload(one.model)
        try:
            reply = await send(self._transport, site.url, call, api_key=site.api_key, seconds=LOAD_SECONDS)
        except AccessError as error:
            self._tell_once(f"{one.replica}: could not {one.deed} {one.model}: {error}")
            return
        if reply.status >= 400:
            self._tell_once(f"{one.replica}: could not {one.deed} {one.model}: {error_text(reply)}")
            return
        self._tell(f"{one.replica}: {one.deed} {one.model} in {reply.seconds:.1f} s: {one.why}")

    def _tell_once(self, line: str) -> None:
        """What fails again and again is told one time."""
        if line not in self._told:
            self._told.add(line)
            self._tell(line)
