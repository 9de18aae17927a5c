"""Models make room for device time and come back after it: the control side's part, since engines are asked here.

The data plane says whose turn it is; here models leave memory for it, are written down before they do, and are loaded
again when nobody has the device any more, whoever was killed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeAlias

from keepwell.app.serving.caretaking import options_of
from keepwell.app.serving.device_rules import lies_there, make_rules
from keepwell.app.serving.device_use import UseWatch
from keepwell.app.serving.doors import ask_planes, find_serving, tell_cleared
from keepwell.app.serving.engine_facts import Engines, Known
from keepwell.config.model import Config
from keepwell.core.errors import AccessError, DamagedError
from keepwell.core.observation import Missing
from keepwell.gateway.settings import Settings
from keepwell.gateway.turning import TurnState
from keepwell.plugins.ask import error_text
from keepwell.plugins.asking import send
from keepwell.plugins.chat import Call
from keepwell.plugins.collector import Moment
from keepwell.plugins.engine import LoadedModel, ReportsLoaded
from keepwell.plugins.place import Site
from keepwell.plugins.residency import LoadsModels, Stay
from keepwell.store.away_models import AwayModel, load_away, save_away
from keepwell.transport.base import Transport
from keepwell.turns.book import save_rules
from keepwell.turns.words import Rules

#: Seconds for a model to leave memory after its engine said yes, and between two looks.
LEAVE_SECONDS, LOOK_SECONDS = 60.0, 0.25
#: Seconds for a load: of a large model from a slow disk.
LOAD_SECONDS = 900.0
#: Times that a model is tried to be loaded again, and the seconds between two.
TRIES, AGAIN_SECONDS = 5, 20.0
#: Stages of a turn in which no model comes back to its device: somebody has it, or is next in the line.
_WANTING = frozenset({"waiting", "clearing", "held"})
#: A model that is to stay longer than this stays for ever: engines write that as centuries.
EVER_SECONDS = 30 * 86400.0

#: What is done one at a time beside what is done for a device or a replica.
USES = "uses"

Work: TypeAlias = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """What a look told: engines and what they hold, their places, the settings in force, the configuration."""

    known: Sequence[Known]
    engines: Engines
    settings: Settings
    config: Config


class TurnKeeper:
    """Works beside the looks; one thing at a time for each device."""

    def __init__(
        self, state: Path, transport: Transport, tell: Callable[[str], None], uses: UseWatch | None = None
    ) -> None:
        self.found: Mapping[str, int] = {}
        self._state = state
        self._transport = transport
        self._tell = tell
        self._rules: Rules | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tried: dict[tuple[str, str], float] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._uses = uses or UseWatch(state, transport.name)

    async def tend(self, there: There, now: float) -> None:
        """Write down the rules where they changed, and begin what is to be done; `now` in seconds since the epoch."""
        self.write_rules(there)
        if not (self._state / "devices" / "book.json").exists():
            return
        state = find_serving(await ask_planes(self._state, self._transport))
        if state is None:
            return
        moment = Moment(at=now, clock=time.monotonic())
        self._begin(USES, asyncio.to_thread(self._uses.look, state.turns, moment))  # a driver may be slow
        for one in state.turns:
            if one.stage == "clearing" and one.drained and not one.cleared:
                self._begin(one.device, self._clear(one, there, now))
        for away in self._load_away():
            wanted = any(away.replica in one.replicas for one in state.turns if one.stage in _WANTING)
            late = now - self._tried.get((away.replica, away.model), 0.0) >= AGAIN_SECONDS
            if not wanted and late and away.replica in there.engines.behind:
                self._begin(away.replica, self._bring_back(away, there, now))

    async def close(self) -> None:
        """Let go of what is being done; what is away stays written down."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._uses.close()

    def write_rules(self, there: There) -> None:
        """What the data plane decides by, where it changed."""
        plugins = {name: plugin for name, (_, plugin) in there.engines.behind.items()}
        rules = make_rules(there.config, self._transport.name, there.known, plugins, self.found)
        if rules != self._rules:
            with contextlib.suppress(AccessError):
                save_rules(self._state, rules)
                self._rules = rules

    def _begin(self, what: str, work: Work) -> None:
        running = self._tasks.get(what)
        if running is not None and not running.done():
            work.close()
            return
        self._tasks[what] = asyncio.create_task(work)

    def _load_away(self) -> tuple[AwayModel, ...]:
        try:
            return load_away(self._state)
        except DamagedError as error:
            self._tell(f"nothing is loaded again: {error}")
            return ()

    # Models leave.

    async def _clear(self, turn: TurnState, there: There, now: float) -> None:
        """Send them away, and tell the data plane that the device is free, or what is in the way."""
        notes = []
        behind = there.engines.behind
        for replica in turn.replicas:
            if replica in behind:
                async with self._locks.setdefault(replica, asyncio.Lock()):
                    notes += await self._clear_replica(replica, *behind[replica], turn, _Facts(there, replica, now))
        await tell_cleared(self._state, self._transport, turn, "; ".join(notes))

    async def _clear_replica(
        self, replica: str, site: Site, plugin: object, turn: TurnState, facts: _Facts
    ) -> list[str]:
        """What did not work."""
        if not isinstance(plugin, ReportsLoaded):
            return []
        models = [one for one in _listed(await plugin.loaded(site, self._transport)) if _is_meant(one, turn)]
        if not models:
            return []
        if not isinstance(plugin, LoadsModels):
            return [f"{replica} unloads no model when asked, so it stays in memory"]
        entries = [facts.note(one, turn.device) for one in models]
        fresh = {(one.replica, one.model) for one in entries}
        kept = [one for one in self._load_away() if (one.replica, one.model) not in fresh]
        try:
            save_away(self._state, (*kept, *entries))
        except AccessError as error:
            return [f"models stay in memory, since it cannot be written down that they are to come back: {error.what}"]
        notes = []
        for one in entries:
            self._tell(f"{replica}: unload {one.model}: {turn.holder} has {turn.device}")
            why = await self._ask(site, plugin.unload(one.model), LEAVE_SECONDS)
            notes += [f"{one.model} of {replica} stays in memory: {why}"] * bool(why)
        if not notes and not await self._wait_gone(models, site, plugin):
            notes = [f"models of {replica} did not leave memory within {LEAVE_SECONDS:g} s"]
        return notes

    async def _wait_gone(self, models: Sequence[LoadedModel], site: Site, plugin: object) -> bool:
        names = {one.name for one in models}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while isinstance(plugin, ReportsLoaded):
                    if names.isdisjoint(one.name for one in _listed(await plugin.loaded(site, self._transport))):
                        return True
                    await asyncio.sleep(LOOK_SECONDS)
        return False

    # Models come back.

    async def _bring_back(self, away: AwayModel, there: There, now: float) -> None:
        """Load it again, unless it is there or nobody offers it any more."""
        site, plugin = there.engines.behind[away.replica]
        known = {one.replica.id: one for one in there.known}.get(away.replica)
        self._tried[away.replica, away.model] = now
        if known is None or not known.well or not isinstance(plugin, LoadsModels):
            return
        if away.model not in {one.name for one in known.models}:
            self._strike(away, f"{away.model} is no longer offered and is not loaded again")
            return
        async with self._locks.setdefault(away.replica, asyncio.Lock()):
            await self._load(away, site, plugin)

    async def _load(self, away: AwayModel, site: Site, plugin: LoadsModels) -> None:
        stay = Stay(
            seconds=away.stay_seconds, embeds=away.embeds, options=away.options, context_tokens=away.context_tokens
        )
        if isinstance(plugin, ReportsLoaded) and away.model in {
            one.name for one in _listed(await plugin.loaded(site, self._transport))
        }:
            self._strike(away, "")
            return
        why = await self._ask(site, plugin.load(away.model, stay), LOAD_SECONDS)
        if not why:
            self._strike(away, f"load {away.model} again: {away.device} is free")
        elif away.tries + 1 >= TRIES:
            self._strike(away, f"{away.model} could not be loaded again, {TRIES} times: {why}")
        else:
            self._strike(away, "", again=replace(away, tries=away.tries + 1))

    def _strike(self, away: AwayModel, said: str, *, again: AwayModel | None = None) -> None:
        """It is away no more, or (`again`) still, with one more try."""
        others = [one for one in self._load_away() if (one.replica, one.model) != (away.replica, away.model)]
        with contextlib.suppress(AccessError):
            save_away(self._state, (*others, *(one for one in (again,) if one is not None)))
        if said:
            self._tell(f"{away.replica}: {said}")

    async def _ask(self, site: Site, call: Call, seconds: float) -> str:
        """Why it did not work, "" if it did."""
        try:
            reply = await send(self._transport, site.url, call, api_key=site.api_key, seconds=seconds)
        except AccessError as error:
            return error.what
        if reply.status >= 400:
            return error_text(reply)
        return ""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a replica beside what it says now."""

    there: There
    replica: str
    now: float

    def note(self, model: LoadedModel, device: str) -> AwayModel:
        """How it is loaded again."""
        stay = -1.0
        if 0 < model.expires_at - self.now < EVER_SECONDS:
            stay = model.expires_at - self.now
        abilities = next((one.abilities for one in self.there.known if one.replica.id == self.replica), {})
        known = abilities.get(model.name)
        return AwayModel(
            replica=self.replica,
            model=model.name,
            device=device,
            at=self.now,
            stay_seconds=stay,
            context_tokens=model.context_tokens,
            options=options_of(self.there.settings, self.there.config).get((self.replica, model.name), {}),
            embeds=known is not None and "chat" in known.cannot,
        )


def _listed(found: tuple[LoadedModel, ...] | Missing) -> tuple[LoadedModel, ...]:
    if isinstance(found, Missing):
        return ()
    return found


def _is_meant(model: LoadedModel, turn: TurnState) -> bool:
    """True for one that lies on the device and is to leave memory."""
    return lies_there(model, turn.device) and any(fnmatchcase(model.name, one) for one in turn.unload)
