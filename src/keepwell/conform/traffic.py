"""Traffic around an engine that a plan touches: drained before the first change, given back after a smoke test.

Bookkeeping only: how requests are kept away and how an engine is tried is known to whoever made the `Traffic`. All of
it can be done again: a drain that a killed run left behind is found by the run that goes on, and by its undo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from keepwell.conform.ledger import DRAIN_KEY, GIVE_BACK_KEY, SMOKE_KEY, UNTOUCHED, Ledger
from keepwell.core.errors import AccessError
from keepwell.core.ref import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """What came of trying an engine: whether it may have requests again, and one sentence."""

    well: bool
    said: str


class Traffic(Protocol):
    """Keeps requests from an engine while it is touched. Every call may be made again at any time."""

    async def note(self, engine: Ref) -> str:
        """What `smoke` has to know of it from before, as text; changes nothing, and requests go on meanwhile."""
        ...

    async def drain(self, engine: Ref) -> str:
        """No new requests for it, and wait until those that run have ended; a sentence.

        Raises AccessError where they do not end in time.
        """
        ...

    async def smoke(self, engine: Ref, noted: str) -> Smoke:
        """Try it, and give it time to start; what was noted stands in `noted`. Changes nothing and raises nothing."""
        ...

    async def give_back(self, engine: Ref) -> str:
        """Requests for it again, unless the owner had drained it himself; a sentence."""
        ...


class NoTraffic:
    """Where nobody sends requests to engines, and none is tried."""

    async def note(self, engine: Ref) -> str:
        """Nothing."""
        return ""

    async def drain(self, engine: Ref) -> str:
        """Nothing is done."""
        return "nothing to drain"

    async def smoke(self, engine: Ref, noted: str) -> Smoke:
        """Taken for well."""
        return Smoke(well=True, said="not tried")

    async def give_back(self, engine: Ref) -> str:
        """Nothing is done."""
        return "nothing to give back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The traffic of one run: of its engine (None where none is touched), by its ledger."""

    engine: Ref | None
    ledger: Ledger
    traffic: Traffic

    async def close(self) -> None:
        """Drain before something is changed; also where that was done before a kill: somebody may have given work to it
        since. Raises AccessError; where nothing was changed yet the engine then has its requests again.
        """
        if self.engine is None or not self.ledger.has(DRAIN_KEY):
            return
        state, noted = self.ledger.state(DRAIN_KEY), self.ledger.get(DRAIN_KEY).detail
        fresh = state != "done"
        if fresh:
            if state != "begun":  # a run that was killed here had noted it, and the engine may know less by now
                noted = await self.traffic.note(self.engine)
            self.ledger.move(DRAIN_KEY, "begun", noted)
        try:
            said = await self.traffic.drain(self.engine)
        except AccessError as error:
            if fresh:
                self.ledger.move(DRAIN_KEY, "failed", _join(str(error), noted))
                await self.traffic.give_back(self.engine)
            raise
        if fresh:
            self.ledger.move(DRAIN_KEY, "done", _join(said, noted))

    async def open(self) -> str:
        """Try the engine and give it its requests again; why not, where it fails, else ""."""
        if self.engine is None or not self.ledger.has(DRAIN_KEY):
            return ""
        if self.ledger.state(SMOKE_KEY) != "done":
            self.ledger.move(SMOKE_KEY, "begun")
            smoke = await self.traffic.smoke(self.engine, self.ledger.get(DRAIN_KEY).detail)
            if not smoke.well:
                self.ledger.move(SMOKE_KEY, "failed", smoke.said)
                return f"{smoke.said}; it stays drained, and the undo of the run gives it back"
            self.ledger.move(SMOKE_KEY, "done", smoke.said)
        if self.ledger.state(GIVE_BACK_KEY) != "done":
            self.ledger.move(GIVE_BACK_KEY, "begun")
            self.ledger.move(GIVE_BACK_KEY, "done", await self.traffic.give_back(self.engine))
        return ""

    async def leave(self) -> None:
        """Requests again although the run is not over, which goes on another time; nothing is written down."""
        if self.engine is not None and self.ledger.has(DRAIN_KEY) and self.ledger.state(DRAIN_KEY) == "done":
            await self.traffic.give_back(self.engine)

    async def close_again(self) -> None:
        """Drain before changes are taken back. Raises AccessError, as `close`."""
        if self.engine is None or not self.ledger.has(DRAIN_KEY):
            return
        served = self.ledger.state(GIVE_BACK_KEY) == "done"
        if self.ledger.state(GIVE_BACK_KEY) not in UNTOUCHED:
            noted = await self.traffic.note(self.engine)
            self.ledger.move(GIVE_BACK_KEY, "undoing", noted)
        try:
            said = await self.traffic.drain(self.engine)
        except AccessError:
            if served:
                await self.traffic.give_back(self.engine)
            raise
        for key in (GIVE_BACK_KEY, SMOKE_KEY):
            if self.ledger.state(key) not in UNTOUCHED:
                noted = self.ledger.get(key).detail
                self.ledger.move(key, "undoing", noted)
                self.ledger.move(key, "undone", {GIVE_BACK_KEY: _join(said, noted)}.get(key, ""))

    async def open_again(self, touched: bool) -> str:
        """After all was taken back: as it was, its requests too, however the engine is; what it lacks, else "".

        It is given time to start where it was `touched`.
        """
        if self.engine is None or not self.ledger.has(DRAIN_KEY) or self.ledger.state(DRAIN_KEY) in UNTOUCHED:
            return ""
        noted = self.ledger.get(DRAIN_KEY).detail
        if self.ledger.state(GIVE_BACK_KEY) == "undone":
            noted = self.ledger.get(GIVE_BACK_KEY).detail
        self.ledger.move(DRAIN_KEY, "undoing", noted)
        smoke = Smoke(well=True, said="it was not touched")
        if touched:
            smoke = await self.traffic.smoke(self.engine, noted)
        said = await self.traffic.give_back(self.engine)
        self.ledger.move(DRAIN_KEY, "undone", f"{smoke.said}; {said}")
        return smoke.said * (not smoke.well)


def _join(said: str, noted: str) -> str:
    return "; ".join(one for one in (said, noted) if one)
