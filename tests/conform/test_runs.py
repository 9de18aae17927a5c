"""Runs of plans in the store: written before anything is done, gone on with, listed, one worker at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.conform.execute import apply
from keepwell.conform.runs import begin_run, list_plans, open_run
from keepwell.conform.undo import undo
from keepwell.core.errors import NotThere, RefusedError
from keepwell.core.finding import Status
from keepwell.transport.local import LocalTransport
from tests.conform.kit import NODE, Answers, HastyClock, make_folder, make_plan, snapshot


async def test_a_run_is_applied_listed_and_undone_by_its_id(tmp_path: Path) -> None:
    world, state = make_folder(tmp_path / "world"), tmp_path / "state"
    before, plan, clock, hands = snapshot(world), make_plan(world), HastyClock(), LocalTransport(NODE)
    run_id = begin_run(plan, state, clock, "test")
    try:
        with open_run(run_id, state, hands, clock) as (stored, bench):
            assert stored == plan
            with pytest.raises(RefusedError, match="another keepwell"), open_run(run_id, state, hands, clock):
                pass
            assert (await apply(stored, bench, Answers(clock, [Status.OK]))).state == "well"
        ((listed, listed_plan),) = list_plans(state)
        assert listed_plan == plan
        assert {item.state for item in listed.run.items} == {"done"}
        with open_run(run_id, state, hands, clock) as (stored, bench):
            assert (await undo(stored, bench)).state == "undone"
        assert snapshot(world) == before
        assert {item.state for item in list_plans(state)[0][0].run.items} == {"undone"}
    finally:
        await hands.close()


async def test_a_run_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotThere), open_run("nothing", tmp_path, LocalTransport(NODE), HastyClock()):
        pass
