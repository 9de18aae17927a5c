"""Short questions beside users' requests: only where they may be asked, only while users ask, apart from budgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.objectives import Objectives
from keepwell.app.probing import USED_SECONDS
from keepwell.config.model import Config, EngineEntry
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.finding import Status
from keepwell.core.observation import absent
from keepwell.core.ref import engine
from keepwell.plugins.place import Site
from keepwell.store.requests import COLUMNS
from keepwell.testing.clock import FakeClock
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import FakeModel, Fault
from tests.app.hub.made import make_hub
from tests.slo.made import AVAILABLE, NOON, row

PROBED = replace(AVAILABLE, probes=4)


@asynccontextmanager
async def world(
    state: Path, *, canary: bool = True, loaded: bool = True, objective: ObjectiveEntry = PROBED
) -> AsyncIterator[tuple[Hub, FakeEngine, Objectives]]:
    """A hub with an engine that users' requests reach."""
    fake = await FakeEngine("ollama", models=(FakeModel(loaded=loaded),)).start()
    entry = EngineEntry(kind="ollama", url=fake.url, canary=canary)
    hub = make_hub(state, config=Config(engines=(entry,), objectives=(objective,)), clock=FakeClock(NOON))
    ref = engine(hub.here, "ollama")
    hub.sites.put(hub.here, [Site(ref=ref, engine="ollama", url=fake.url, process=absent("made"))])
    duty = Objectives()
    try:
        yield hub, fake, duty
    finally:
        await duty.close()
        hub.requests.close()
        await hub.wiring.hands.close()
        await fake.stop()


async def pass_minutes(hub: Hub, duty: Objectives, minutes: int, *, every: int = 1, start: float = NOON) -> None:
    """A user's request every so many minutes, the duty every quarter of one."""
    for quarter in range(4 * minutes):
        now = start + 15.0 * quarter
        if every and quarter % (4 * every) == 0:
            one = row(now, id=quarter, replica=f"{hub.here}/ollama", answered="tiny-alpha")
            hub.requests.add([tuple(getattr(one, name) for name in COLUMNS)])
        await duty.do(hub, now)


def questions(fake: FakeEngine) -> int:
    """How many short questions it was asked."""
    return sum(one.path == "/api/generate" for one in fake.requests)


async def test_four_a_minute_while_users_ask_and_none_of_them_is_in_the_budget(tmp_path: Path) -> None:
    async with world(tmp_path) as (hub, fake, duty):
        await pass_minutes(hub, duty, 10)
        assert 36 <= questions(fake) <= 40
        (state,) = duty._states
        assert state.budget.events == 10
        assert state.status is Status.OK
        asked = questions(fake)
        await pass_minutes(hub, duty, 10, every=0, start=NOON + 600 + USED_SECONDS)
        assert questions(fake) == asked, "nobody asks any more"


async def test_what_users_do_not_meet_yet_is_found(tmp_path: Path) -> None:
    """A request a minute, all of which go well: the engine drops what is asked beside them."""
    async with world(tmp_path) as (hub, fake, duty):
        await pass_minutes(hub, duty, 20)
        await fake.set_fault(Fault.DROP, "/api/generate")
        await pass_minutes(hub, duty, 5, start=NOON + 1200)
        (found,) = hub.board.findings()
        assert found.status is Status.CRITICAL
        assert " requests and probes failed in the last " in found.message
        assert duty._states[0].budget.used == 0


async def test_nobody_is_asked_who_may_not_or_has_nothing_in_memory(tmp_path: Path) -> None:
    for name, changes in (("canary", {"canary": False}), ("loaded", {"loaded": False})):
        async with world(tmp_path / name, **changes) as (hub, fake, duty):
            await pass_minutes(hub, duty, 3)
            assert questions(fake) == 0
    other = replace(PROBED, replica="gpu09/other")
    async with world(tmp_path / "other", objective=other) as (hub, fake, duty):
        await pass_minutes(hub, duty, 3)
        assert questions(fake) == 0
