"""Models leave for device time and come back, although whoever sends them is killed at any of its steps."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from keepwell.app.serving.device_use import UseWatch
from keepwell.app.serving.engine_facts import Engines
from keepwell.app.serving.turning import There, TurnKeeper
from keepwell.config.model import Config, EngineEntry
from keepwell.config.window_model import DeviceEntry
from keepwell.core.observation import absent
from keepwell.core.ref import engine as engine_ref
from keepwell.gateway.settings import Settings
from keepwell.plugins.place import Site
from keepwell.store.away_models import AwayModel, load_away, save_away
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import FakeModel, Fault
from keepwell.testing.made_sight import MadeSight
from keepwell.transport.base import Reply
from keepwell.transport.local import LocalTransport, local_name
from keepwell.turns.asking import Asker
from keepwell.turns.book import load_rules
from keepwell.turns.living import identify
from keepwell.turns.words import Place, Wish
from tests.gateway.planes import SECONDS, running_plane
from tests.support import eventually_async

GIB = 1024**3
BEFORE = (
    FakeModel(name="alpha:latest", gpu_ratio=1.0, context_tokens=4096, size_bytes=4 * GIB),
    FakeModel(name="bravo:latest", gpu_ratio=1.0, size_bytes=2 * GIB),
    FakeModel(name="small:latest", gpu_ratio=0.0),
    FakeModel(name="away:latest", loaded=False),
)


class Killed(BaseException):
    """What no code here expects."""


class Dying(LocalTransport):
    """Its owner is killed at the request of this number, before it is sent or once it was answered."""

    def __init__(self, at: int = 1_000_000, *, after: bool = False) -> None:
        super().__init__()
        self.sent = 0
        self._at, self._after = at, after

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = 5.0,
        max_bytes: int = 8 * 1024 * 1024,
    ) -> Reply:
        """One request."""
        if "/keepwell/state" in url:
            return await super().http(method, url, headers=headers, timeout_seconds=timeout_seconds)
        self.sent += 1
        if self.sent == self._at and not self._after:
            raise Killed
        reply = await super().http(
            method, url, headers=headers, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )
        if self.sent == self._at:
            raise Killed
        return reply


@dataclass
class World:
    """An engine with models, a data plane, and control sides that come and go."""

    engine: FakeEngine
    state: Path
    site: Site
    uses: UseWatch
    told: list[str] = field(default_factory=list)
    config: Config = field(default_factory=Config)

    async def look(self, transport: Dying) -> There:
        """What a control side knows."""
        sight = LocalTransport()
        try:
            engines = Engines([self.site], sight)
            known = [replace(one, well=True) for one in await engines.ask()]
        finally:
            await sight.close()
        return There(known=known, engines=engines, settings=Settings(), config=self.config)

    async def tend(self, transport: Dying, keeper: TurnKeeper) -> None:
        """One look, and all that it begins."""
        await keeper.tend(await self.look(transport), 1_000_000.0)
        await asyncio.gather(*keeper._tasks.values(), return_exceptions=True)

    async def work(self, *, at: int = 1_000_000, after: bool = False) -> int:
        """A control side that works until it is killed, or all is as it was; how many requests it sent."""
        transport = Dying(at, after=after)
        keeper = TurnKeeper(self.state, transport, self.told.append, self.uses)
        try:
            for _ in range(2):
                await self.tend(transport, keeper)
        finally:
            await transport.close()
        return transport.sent

    def loaded(self) -> dict[str, int]:
        """Models in memory, with their context."""
        return {one.name: one.context_tokens for one in self.engine.state.models if one.loaded}

    async def ask(self, asker: Asker) -> Place:
        """Where a wish is."""
        return await asyncio.to_thread(asker.ask)

    def wish(self, device: str = "0", memory: int = 0) -> Asker:
        """Somebody who wants device time."""
        name = f"{local_name()}/{device}" if device else local_name()
        process = identify(os.getpid())
        return Asker(self.state, Wish(id="job", holder="job", device=name, memory_bytes=memory, process=process))


@contextlib.asynccontextmanager
async def made(folder: Path, config: Config | None = None) -> AsyncIterator[World]:
    """All of it, with the rules written down."""
    here = local_name()
    async with FakeEngine("ollama") as engine:
        engine.state.models = list(BEFORE)
        site = Site(ref=engine_ref(here, "fake"), engine="ollama", url=engine.url, process=absent("a fake"))
        config = config or Config(devices=(DeviceEntry(name="0", memory_bytes=24 * GIB),))
        world = World(engine, folder, site, UseWatch(folder, here, MadeSight()), config=config)
        transport = LocalTransport()
        (replica,) = [one.replica for one in await Engines([site], transport).ask()]
        await transport.close()
        async with running_plane(folder, engine, replicas=(replica,), routes=()):
            await world.work()

            async def known() -> bool:
                (place, _) = await world.ask(world.wish()), await asyncio.to_thread(world.wish().leave)
                return place.stage in ("held", "clearing")

            await eventually_async(known, SECONDS, "the plane to know the device")
            yield world


async def held(world: World, asker: Asker) -> None:
    """Its turn comes; nobody else works on that any more."""

    async def has() -> bool:
        return (await world.ask(asker)).held

    await eventually_async(has, SECONDS, "its turn")


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.long), True], ids=["before", "after"])
async def test_killed_at_any_step_they_are_back_in_the_end(tmp_path: Path, *, after: bool) -> None:
    async with made(tmp_path) as world:
        before = world.loaded()
        for step in range(1, 9):
            job = world.wish()
            assert (await world.ask(job)).stage == "clearing", step
            sent = await world.work(at=step, after=after)
            await world.work()
            await held(world, job)
            assert world.loaded() == {"small:latest": 2048}, f"what lies in main memory stays; step {step}"
            assert {one.model for one in load_away(tmp_path)} == {"alpha:latest", "bravo:latest"}
            await asyncio.to_thread(job.leave)
            await world.work(at=step, after=after)
            await world.work()
            await world.work()
            assert world.loaded() == before, step
            assert load_away(tmp_path) == ()
        assert sent < step, "every step of it was the last one once"


async def test_what_cannot_be_unloaded_is_told_and_the_job_runs_all_the_same(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        job = world.wish()
        await world.ask(job)
        await world.engine.set_fault(Fault.BUSY, "/api/generate")
        await world.work()
        place = await world.ask(job)
        assert place.held
        assert "alpha:latest of" in place.why
        assert "stays in memory" in place.why
        await world.engine.clear_faults()
        await asyncio.to_thread(job.leave)
        await world.work()
        assert load_away(tmp_path) == (), "they never went"


async def test_a_model_that_is_gone_or_fails_is_given_up(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        entry = AwayModel(replica=f"{local_name()}/fake", model="gone:latest", device="x", at=1.0)
        save_away(tmp_path, (entry, replace(entry, model="away:latest", tries=4), replace(entry, replica="other/one")))
        await world.engine.set_fault(Fault.BUSY, "/api/generate")
        for _ in range(3):
            await world.work()
        assert [one.replica for one in load_away(tmp_path)] == ["other/one"], (
            "of an engine that is not there nobody knows"
        )
        assert any("no longer offered" in one for one in world.told)
        assert any("could not be loaded again, 5 times" in one for one in world.told)


async def test_a_damaged_list_is_told_and_nothing_is_unloaded_twice(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        (tmp_path / "devices" / "away.json").write_text("{")
        await world.work()
        assert any("nothing is loaded again" in one for one in world.told)


async def test_rules_are_what_is_declared_and_what_engines_hold(tmp_path: Path) -> None:
    here = local_name()
    config = Config(
        devices=(DeviceEntry(name="0", memory_bytes=24 * GIB), DeviceEntry(name="1", engines=("label",))),
        engines=(EngineEntry(kind="ollama", url="http://127.0.0.1:1", name="label"),),
    )
    async with made(tmp_path, config):
        rules = {one.name: one for one in load_rules(tmp_path).devices}
    assert list(rules) == [here, f"{here}/0", f"{here}/1"]
    first = rules[f"{here}/0"]
    assert (first.memory_bytes, first.replicas, first.unloads) == (24 * GIB, (f"{here}/fake",), True)
    assert first.models_bytes == 6 * GIB
    assert rules[f"{here}/1"].replicas == ()
