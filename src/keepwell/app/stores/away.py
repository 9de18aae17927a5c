"""Requests kept away from an engine while its store is exchanged, and what came into the old one brought after."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.conform.ledger import change_key
from keepwell.conform.models.migrate import find_old
from keepwell.conform.models.moving import Mover
from keepwell.conform.traffic import Smoke, Traffic
from keepwell.core.clock import Clock
from keepwell.core.ref import Ref
from keepwell.core.step import Plan, Rename


@dataclass(slots=True, kw_only=True)
class StoreTraffic:
    """A `Traffic` around another: what was fetched last is copied while nothing is asked, and once more after the old
    folder has left its place. `seconds` is how long the engine had no requests, -1 as long as it was not drained.
    """

    inner: Traffic
    mover: Mover
    plan: Plan
    clock: Clock
    seconds: float = -1.0
    caught_up: int = 0
    _began: float = -1.0

    async def note(self, engine: Ref) -> str:
        """As the other does."""
        return await self.inner.note(engine)

    async def drain(self, engine: Ref) -> str:
        """As the other does; then both folders are made the same a last time, if that was not over before."""
        began = self.clock.monotonic()
        said = await self.inner.drain(engine)
        self._began = began
        if not await self.has_left():
            await self.mover.run()
        return said

    async def smoke(self, engine: Ref, noted: str) -> Smoke:
        """As the other does, when what came into the old folder last is in the new one too."""
        if await self.has_left() and isinstance(self.plan.changes[0].do, Rename):
            self.caught_up = await self.mover.catch_up(find_old(self.plan))
        return await self.inner.smoke(engine, noted)

    async def give_back(self, engine: Ref) -> str:
        """As the other does."""
        said = await self.inner.give_back(engine)
        if self._began >= 0:
            self.seconds = self.clock.monotonic() - self._began
        return said

    async def has_left(self) -> bool:
        """Whether the first change was made: what lies in the old place is no longer the old folder."""
        first = self.plan.changes[0].do
        if not isinstance(first, Rename):
            return self.mover.ledger.state(change_key(0)) != "pending"
        return (await self.mover.hands.entry(first.target, max_bytes=0)).kind != "absent"
