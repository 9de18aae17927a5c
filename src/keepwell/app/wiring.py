"""Wiring: the only place that names concrete classes. Gives operations what they work with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from keepwell.app.expecting import expect_engines, recall
from keepwell.app.operation import Caller
from keepwell.config import Config, load_config
from keepwell.config.home import find_home
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.fleet.inventory import build_inventory
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.registry import names
from keepwell.store.folder import find_state_folder
from keepwell.store.memory import load_memory, remember, save_memory
from keepwell.survey.expected import Expected
from keepwell.survey.survey import SurveyResult, survey
from keepwell.transport.base import Hands
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What an operation works with: configuration, this machine's hands, the time, the state folder."""

    config: Config
    hands: Hands
    clock: Clock
    state: Path
    expected: tuple[Expected, ...]

    async def __aenter__(self) -> Wiring:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hands.close()


def wire(caller: Caller) -> Wiring:
    """The real world, as the caller's configuration describes it. Raises ConfigurationError with all mistakes."""
    hands = LocalTransport()
    config = load_config(caller.config, known_engines=names("engines"), local_name=hands.name)
    state = find_state(caller)
    inventory = build_inventory(config, load_memory(state), hands.name)
    expected = expect_engines(inventory, hands.name, os.environ)
    return Wiring(config=config, hands=hands, clock=SystemClock(), state=state, expected=expected)


def find_state(caller: Caller) -> Path:
    """The state folder that the caller named, else the usual one."""
    return caller.state or find_state_folder(os.environ, home=find_home(), root=os.geteuid() == 0)


async def look(wiring: Wiring, caller: Caller, *, level: int, since_seconds: float) -> SurveyResult:
    """Survey this machine, and remember the engines that serve, so that one that stops is missed."""
    result = await survey(
        wiring.hands,
        wiring.clock,
        wiring.expected,
        level=level,
        since_seconds=since_seconds,
        origins=wiring.config.diagnose.expect_origin,
        progress=caller.progress,
    )
    try:
        now = wiring.clock.now()
        save_memory(wiring.state, remember(load_memory(wiring.state), recall(result.sites, result.seen, now), now))
    except AccessError:
        pass  # a read-only or full disk must not keep a diagnosis from its reader; what is lost is only the memory
    return result


@cache
def get_catalogue() -> Catalogue:
    """The catalogue that keepwell ships."""
    return load_catalogue()


@cache
def get_follow_ups() -> Sequence[str]:
    """Every engine's patterns of lines that tell of an earlier error."""
    return tuple(dict.fromkeys(pattern for one in load_engines().values() for pattern in one.follow_ups))
