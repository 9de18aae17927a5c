"""Drains engines through the gateway that runs here, tries them, and gives them their requests again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.applying.smoking import Taster
from keepwell.app.operation import Caller
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.serving.replicas import wait_until_known, wait_until_left
from keepwell.app.wiring import Wiring
from keepwell.conform.traffic import Smoke
from keepwell.core.errors import TimedOut
from keepwell.core.ref import Ref
from keepwell.core.step import Plan
from keepwell.gateway.choice.cordons import RUN, Cordon, add_cordon, load_cordons, remove_cordon
from keepwell.gateway.settings import SETTINGS_FILE, load_settings

#: Seconds that requests which run have to end, unless the owner says otherwise: a long answer takes minutes.
DRAIN_SECONDS = 600.0
#: What clients that wait for it are told.
WHY = "it is being changed"
_IN_MEMORY, _SEPARATOR = "in memory: ", ", "


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that requests have to end; with `cut` those that still run are cut off then, else nothing is touched."""

    seconds: float = DRAIN_SECONDS
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTraffic:
    """The traffic of one run: see `keepwell.conform.traffic`. A cordon that the owner set stays the owner's."""

    wiring: Wiring
    caller: Caller
    taster: Taster
    run_id: str
    patience: Patience = Patience()

    async def note(self, engine: Ref) -> str:
        """The models in its memory."""
        return render_loaded(await self.taster.find_loaded(engine))

    async def drain(self, engine: Ref) -> str:
        """Raises TimedOut where requests do not end in time."""
        wiring, subject = self.wiring, _name(engine)
        if find_serving(await ask_planes(wiring.state, wiring.hands)) is None:
            return "no gateway runs here: nothing to drain"
        if not is_served(wiring.state, engine):
            return f"the gateway sends {engine} nothing: nothing to drain"
        began = wiring.clock.monotonic()
        self.caller.tell(f"drain {engine}")
        add_cordon(wiring.state, Cordon(subject=subject, since=wiring.clock.now(), by=self._by, why=WHY))
        await wait_until_known(wiring, subject, cordoned=True)
        left = (await wait_until_left(wiring, self.caller, subject, self.patience.seconds)).left
        seconds = wiring.clock.monotonic() - began
        if left > 0 and not self.patience.cut:
            raise TimedOut(
                f"{left} requests still run after {seconds:.0f} s",
                where=str(engine),
                hint="wait longer with --wait SECONDS, or cut them off with --cut",
            )
        return f"drained in {seconds:.1f} s" + f", {left} requests cut off" * (left > 0)

    async def smoke(self, engine: Ref, noted: str) -> Smoke:
        """Its own word, and one token of a model that was in its memory before."""
        self.caller.tell(f"try {engine}")
        return await self.taster.taste(engine, parse_loaded(noted))

    async def give_back(self, engine: Ref) -> str:
        """Take our cordon away, if it is there."""
        subject = _name(engine)
        found = next((one for one in load_cordons(self.wiring.state) if one.subject == subject), None)
        if found is None:
            return "nothing was drained for it"
        if found.by != self._by:
            return f"{engine} stays drained, as {found.by or 'somebody'} wants it"
        remove_cordon(self.wiring.state, subject)
        await wait_until_known(self.wiring, subject, cordoned=False)
        self.caller.tell(f"{engine} gets requests again")
        return f"{engine} gets requests again"

    @property
    def _by(self) -> str:
        return f"{RUN}{self.run_id}"


def is_served(state: Path, engine: Ref) -> bool:
    """Whether the gateway of this state folder sends it requests, by its last settings."""
    path = state / SETTINGS_FILE
    return path.exists() and _name(engine) in {one.id for one in load_settings(path).replicas}


def with_traffic(plan: Plan, state: Path) -> Plan:
    """The same plan, drained for where it restarts an engine that the gateway sends requests."""
    if plan.engine is not None or not plan.activate or plan.subject.kind != "engine":
        return plan
    if not is_served(state, plan.subject):
        return plan
    return replace(plan, engine=plan.subject)


def render_loaded(loaded: tuple[str, ...]) -> str:
    """The models in memory as words for the journal; `parse_loaded` reads them."""
    return f"{_IN_MEMORY}{_SEPARATOR.join(loaded)}" * bool(loaded)


def parse_loaded(noted: str) -> tuple[str, ...]:
    """The models that were in memory, from what the journal holds of a drain."""
    return tuple(one for one in noted.partition(_IN_MEMORY)[2].split(_SEPARATOR) if one)


def _name(engine: Ref) -> str:
    """As the gateway calls it."""
    return str(engine).removeprefix("engine:")
