"""Traffic around an engine that a plan touches: when it is drained, tried and given back, also where a step fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.conform.execute import apply
from keepwell.conform.ledger import BACKUP_KEY, DRAIN_KEY, GIVE_BACK_KEY, SMOKE_KEY, find_run_state
from keepwell.conform.undo import undo
from keepwell.core.errors import TimedOut
from keepwell.core.finding import Status
from keepwell.core.ref import Ref
from keepwell.core.step import Plan, RunCommand
from tests.conform.kit import Answers, DoomedTraffic, make_folder, make_plan, open_bench, snapshot


class BusyTraffic(DoomedTraffic):
    """Requests that do not end."""

    async def drain(self, engine: Ref) -> str:
        await super().drain(engine)
        raise TimedOut("2 requests still run", where=str(engine))


async def carry_out(plan: Plan, state: Path, traffic: DoomedTraffic, *, back: bool = False) -> tuple[str, str]:
    """The state and the detail of the outcome."""
    async with open_bench(plan, state, traffic=traffic) as bench:
        if back:
            outcome = await undo(plan, bench)
        else:
            outcome = await apply(plan, bench, Answers([Status.OK]))
        return outcome.state, outcome.detail


async def test_drained_before_the_first_change_and_given_back_once_it_answers(tmp_path: Path) -> None:
    world, cordon, state = make_folder(tmp_path / "world"), tmp_path / "cordon", tmp_path / "state"
    before, plan, traffic = snapshot(world), make_plan(world, cordon), DoomedTraffic(cordon)
    assert (await carry_out(plan, state, traffic))[0] == "well"
    assert traffic.told == ["drain", "smoke", "give back"]
    assert not cordon.exists()
    assert (await carry_out(plan, state, traffic))[0] == "well"
    assert traffic.told == ["drain", "smoke", "give back"], "the second time nothing is touched"
    assert (await carry_out(plan, state, traffic, back=True))[0] == "undone"
    assert traffic.told[3:] == ["drain", "smoke", "give back"]
    assert (cordon.exists(), snapshot(world)) == (False, before)


async def test_an_engine_that_does_not_answer_stays_drained_until_the_undo(tmp_path: Path) -> None:
    world, cordon, state = make_folder(tmp_path / "world"), tmp_path / "cordon", tmp_path / "state"
    before, plan = snapshot(world), make_plan(world, cordon)
    came, why = await carry_out(plan, state, DoomedTraffic(cordon, well=False))
    assert (came, "it is silent; it stays drained" in why, cordon.exists()) == ("not-well", True, True)
    came, why = await carry_out(plan, state, DoomedTraffic(cordon, well=False), back=True)
    assert (came, "but it is silent" in why, cordon.exists()) == ("undone", True, False)
    assert snapshot(world) == before


async def test_tried_again_once_it_answers(tmp_path: Path) -> None:
    world, cordon, state = make_folder(tmp_path / "world"), tmp_path / "cordon", tmp_path / "state"
    plan = make_plan(world, cordon)
    await carry_out(plan, state, DoomedTraffic(cordon, well=False))
    later = DoomedTraffic(cordon)
    assert (await carry_out(plan, state, later))[0] == "well"
    assert (later.told, cordon.exists()) == (["smoke", "give back"], False)


async def test_requests_that_do_not_end_leave_all_as_it_was(tmp_path: Path) -> None:
    world, cordon, state = make_folder(tmp_path / "world"), tmp_path / "cordon", tmp_path / "state"
    before, plan = snapshot(world), make_plan(world, cordon)
    came, why = await carry_out(plan, state, BusyTraffic(cordon))
    assert (came, "still run" in why, cordon.exists(), snapshot(world)) == ("failed", True, False, before)
    assert (await carry_out(plan, state, DoomedTraffic(cordon)))[0] == "well", "it can be gone on with"
    after = snapshot(world)
    came, _ = await carry_out(plan, state, BusyTraffic(cordon), back=True)
    assert (came, cordon.exists(), snapshot(world)) == ("failed", False, after)


async def test_a_change_that_fails_leaves_it_drained_and_says_so(tmp_path: Path) -> None:
    world, cordon, state = make_folder(tmp_path / "world"), tmp_path / "cordon", tmp_path / "state"
    before = snapshot(world)
    plan = replace(make_plan(world, cordon), activate=(RunCommand(argv=("false",)),))
    came, why = await carry_out(plan, state, DoomedTraffic(cordon))
    assert (came, "engine:here/some stays drained" in why, cordon.exists()) == ("failed", True, True)
    came, _ = await carry_out(plan, state, DoomedTraffic(cordon), back=True)
    assert came == "failed", "what makes it effective fails here too"
    assert snapshot(world) == before


@pytest.mark.parametrize("agreed", [0, 3])
async def test_a_no_stops_and_the_engine_serves_meanwhile(tmp_path: Path, agreed: int) -> None:
    world, cordon, state = make_folder(tmp_path / "world"), tmp_path / "cordon", tmp_path / "state"
    before, plan, traffic = snapshot(world), make_plan(world, cordon), DoomedTraffic(cordon)
    asked: list[object] = []

    def agree(step: object) -> bool:
        asked.append(step)
        return len(asked) <= agreed

    async with open_bench(plan, state, traffic=traffic) as bench:
        outcome = await apply(plan, replace(bench, agree=agree), Answers([Status.OK]))
        assert outcome.state == "stopped"
        assert asked == [*plan.changes[: agreed + 1]]
        assert not cordon.exists()
        assert find_run_state(bench.ledger.run) == {0: "pending", 3: "begun"}[agreed]
        assert (await apply(plan, bench, Answers([Status.OK]))).state == "well"
        assert (await undo(plan, bench)).state == "undone"
        keys = (BACKUP_KEY, DRAIN_KEY, SMOKE_KEY, GIVE_BACK_KEY)
        assert [bench.ledger.state(key) for key in keys] == ["done", "undone", "undone", "undone"]
        assert find_run_state(bench.ledger.run) == "undone"
    assert (snapshot(world), cordon.exists()) == (before, False)


async def test_a_run_of_an_earlier_release_knows_no_traffic(tmp_path: Path) -> None:
    world, cordon = make_folder(tmp_path / "world"), tmp_path / "cordon"
    old = make_plan(world)
    traffic = DoomedTraffic(cordon)
    async with open_bench(old, tmp_path / "state", traffic=traffic) as bench:
        plan = replace(old, engine=Ref("engine", ("here", "some")))
        assert (await apply(plan, bench, Answers([Status.OK]))).state == "well"
        assert (await undo(plan, bench)).state == "undone"
    assert traffic.told == []
