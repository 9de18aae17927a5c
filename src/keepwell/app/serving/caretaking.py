"""Between two looks of the control side: pinned models are loaded, idle ones sent away, canaries asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.serving import canaries
from keepwell.app.serving.doors import ask_planes
from keepwell.app.serving.engine_facts import Engines, Known
from keepwell.app.serving.residents import Residents, find_errands, find_pins, find_surplus
from keepwell.config.gateway_model import OptionValue
from keepwell.config.model import Config
from keepwell.core.errors import AccessError
from keepwell.gateway.record.state import GatewayState
from keepwell.gateway.settings import Settings
from keepwell.plugins.place import Site
from keepwell.store.canaries import Canary, load_canaries, save_canaries
from keepwell.transport.base import Transport


class Caretaker:
    """Works beside the looks; one canary at a time, one errand for each engine at a time."""

    def __init__(self, caller: Caller, state: Path, transport: Transport) -> None:
        self.canaries: dict[tuple[str, str], Canary] = load_canaries(state)
        self._state = state
        self._transport = transport
        self._residents = Residents(transport, caller.tell)
        self._tell = caller.tell
        self._told: set[str] = set()
        self._asking: asyncio.Task[None] | None = None

    async def tend(
        self, known: Sequence[Known], engines: Engines, settings: Settings, config: Config, now: float
    ) -> None:
        """Begin what is to be done now. Costs one question to the data plane where anything is wished."""
        pinned = {one.name: one.options for one in config.routes if one.pinned}
        opted = find_opted(settings)
        unload = config.gateway.unload_seconds
        if not (pinned or opted or unload):
            return
        state = await self._ask_state()
        pins = find_pins(settings.routes, pinned)
        self._tell_once(find_surplus(known, pins))
        self._residents.tend(find_errands(known, pins, state, unload, now), engines.behind, now)
        if self._asking is None or self._asking.done():
            due = list(canaries.find_due(known, opted, self.canaries, state, config.gateway.canary_seconds, now))
            if due:
                self._asking = asyncio.create_task(self._ask(due, engines.behind, options_of(settings, config), now))

    async def close(self) -> None:
        """Let go of what is being done."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._residents.close()

    async def _ask_state(self) -> GatewayState | None:
        """What the data plane works on; None while none tells, or two of them do."""
        planes = await ask_planes(self._state, self._transport)
        if len(planes) != 1:
            return None
        return planes[0]

    async def _ask(
        self,
        due: Iterable[canaries.Due],
        engines: Mapping[str, tuple[Site, object]],
        options: Mapping[tuple[str, str], Mapping[str, OptionValue]],
        now: float,
    ) -> None:
        for one in due:
            site, plugin = engines[one.replica]
            key = one.replica, one.model
            found = await canaries.ask_canary(one, site, plugin, self._transport, options.get(key, {}), now)
            if found is None:
                continue
            answer, nonsense = found
            before = self.canaries.get(key)
            after = self.canaries[key] = canaries.compare(before, one, answer, nonsense=nonsense)
            self._tell_once(canaries.describe(after))
        with contextlib.suppress(AccessError):
            save_canaries(self._state, self.canaries.values())

    def _tell_once(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line not in self._told:
                self._told.add(line)
                self._tell(line)


def find_opted(settings: Settings) -> frozenset[str]:
    """Replicas whose owner lets them be asked."""
    return frozenset(one.id for one in settings.replicas if one.canary)


def options_of(settings: Settings, config: Config) -> dict[tuple[str, str], Mapping[str, OptionValue]]:
    """The owner's options of each model at each replica."""
    declared = {one.name: one.options for one in config.routes if one.options}
    return {
        (replica, model): declared[route.name]
        for route in settings.routes
        if route.name in declared
        for replica, model in route.replicas.items()
    }
