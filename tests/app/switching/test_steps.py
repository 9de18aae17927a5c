"""A move at a real data plane, without a command of its own process: on to the end, back by itself, gone on with."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.applying.runs import list_all
from keepwell.app.operation import Caller
from keepwell.app.switching.going import Wish, switch
from keepwell.app.switching.report import SwitchReport
from keepwell.core.errors import ConfigurationError, RefusedError, Unreachable
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.splits import load_splits
from keepwell.plugins.routing import Replica
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from tests.gateway.made import DIALECTS, MODEL, chat
from tests.gateway.planes import SECONDS, RunningPlane, running_plane
from tests.support import eventually_async

OTHER = "other-name"
WORDS = 4


@dataclass
class Scene:
    """A data plane with a route to each engine, clients of the first route, and whoever answered them."""

    plane: RunningPlane
    second: FakeEngine
    caller: Caller
    told: list[str]
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """What is moved, by the state folder."""
        return max((one.share for one in load_splits(self.plane.state)), default=0.0)

    async def move(self, *shares: float, hold: float = 0.5, least: int = 3) -> SwitchReport:
        """By these steps."""
        return await switch(self.caller, Wish(route=MODEL, to=OTHER, shares=shares, hold_seconds=hold, least=least))

    async def keep_asking(self) -> None:
        """One client, until it is cancelled."""
        while True:
            answer = await self.plane.ask(chat(stream=True, max_tokens=WORDS))
            whole = answer.status == 200 and answer.body.rstrip().endswith(b"data: [DONE]")
            self.answers[answer.headers.get("x-keepwell-replica", "") if whole else repr(answer.body)] += 1
            await asyncio.sleep(0.02)


@asynccontextmanager
async def scene(state: Path, *, clients: int = 2) -> AsyncIterator[Scene]:
    """Clients have asked for a while, and go on; not one of them may see an error."""
    (state / "keepwell.toml").write_text("")
    told: list[str] = []
    async with FakeEngine("vllm") as first, FakeEngine("vllm", models=(FakeModel(name=OTHER),)) as second:
        replicas = tuple(
            Replica(id=f"box/{place}", node="box", host="127.0.0.1", port=one.port, dialects=frozenset(DIALECTS))
            for place, one in enumerate((first, second))
        )
        routes = (Route(name=MODEL, replicas={"box/0": MODEL}), Route(name=OTHER, replicas={"box/1": OTHER}))
        async with running_plane(state, first, replicas=replicas, routes=routes) as plane:
            caller = Caller(config=state / "keepwell.toml", state=state, tell=told.append)
            made = Scene(plane, second, caller, told)
            asking = [asyncio.create_task(made.keep_asking()) for _ in range(clients)]

            async def begun() -> bool:
                return not clients or len(plane.rows()) >= 10

            try:
                await eventually_async(begun, SECONDS, "requests before the move")
                yield made
            finally:
                for one in asking:
                    one.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
    assert set(made.answers) <= {"box/0", "box/1"}, made.answers


async def test_it_moves_by_steps_and_undo_goes_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        report = await one.move(0.5, 1.0)
        assert (report.state, report.share, one.share, report.exit_code) == ("moved", 1.0, 1.0, 0), report
        assert [(step.share, step.failed, step.came_back) for step in report.steps] == [(0.5, 0, 0), (1.0, 0, 0)]
        assert 'name = "tiny-alpha"' in report.keep
        assert 'engines = ["box/1"]' in report.keep
        with pytest.raises(RefusedError, match="already"):
            await one.move(1.0)
        with pytest.raises(RefusedError, match="watches"):
            await apply_run(one.caller, report.run)
        (line,) = (await list_all(one.caller)).runs
        assert (line.kind, line.state, line.subject) == ("switch", "done", f"route:{MODEL}")
        assert (await undo_run(one.caller, "")).outcome.state == "undone"
        assert one.share == 0.0


async def test_it_goes_back_when_requests_come_back_and_when_they_are_slow(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        await one.second.set_fault(Fault.BROKEN, "/v1/chat")
        failed = await one.move(0.5, 1.0, hold=30.0)
        assert (failed.state, failed.share, one.share, failed.exit_code) == ("back", 0.0, 0.0, 2)
        assert "came_back" in failed.detail
        one.second.state.slow_seconds = 0.15
        await one.second.set_fault(Fault.SLOW, "/v1/chat")

        async def trusted() -> bool:
            return not [row for row in one.plane.rows()[-3:] if row.retries]

        await eventually_async(trusted, SECONDS)
        slow = await one.move(0.5, 1.0, hold=30.0)
        assert (slow.state, one.share) == ("back", 0.0)
        assert [each.verdict for each in slow.steps[-1].objectives].count("missed")


async def test_broken_off_it_stands_and_is_gone_on_with(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        moving = asyncio.create_task(one.move(0.3, 1.0, hold=30.0))

        async def moved() -> bool:
            return one.share == 0.3 and one.answers["box/1"] > 0

        await eventually_async(moved, SECONDS, "a share that is moved")
        moving.cancel()
        report = await moving
        assert (report.state, report.share, one.share) == ("held", 0.3, 0.3)
        with pytest.raises(RefusedError, match="goes to"):
            await switch(one.caller, Wish(route=OTHER, to=MODEL, shares=(1.0,), hold_seconds=1.0))
        after = await one.move(0.1, 0.2)
        assert (after.state, after.run, one.share) == ("moved", report.run, 1.0)
        assert one.told[0].startswith("goes on with")


async def test_without_requests_it_stands_and_without_a_gateway_it_does_not_begin(tmp_path: Path) -> None:
    async with scene(tmp_path, clients=0) as one:
        report = await one.move(0.5, 1.0, hold=0.05)
        assert (report.state, report.share, report.exit_code) == ("held", 0.5, 1)
        assert (await undo_run(one.caller, report.run)).outcome.state == "undone"
        with pytest.raises(ConfigurationError, match="no model 'nothing'"):
            await switch(one.caller, Wish(route=MODEL, to="nothing", shares=(1.0,), hold_seconds=1.0))
        caller = one.caller
    with pytest.raises(Unreachable, match="no gateway"):
        await switch(caller, Wish(route=MODEL, to=OTHER, shares=(1.0,), hold_seconds=1.0))
