"""The plan of a move: steps that grow, each with an undo, carried out and taken back through the machine of plans."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.switching.plan import KIND, Move, find_state, make_plan, parse_steps, read_move, render_share
from keepwell.conform.execute import Bench, make_change
from keepwell.conform.ledger import CHECK_KEY, Ledger, plan_items
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.conform.undo import undo
from keepwell.core.errors import ConfigurationError
from keepwell.core.run import Run
from keepwell.gateway.choice.splits import SPLITS_FOLDER, load_splits
from keepwell.store.folder import make_private_folder
from keepwell.store.journal import Journal, create_journal, open_journal
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport

MOVE = Move(route="llama3.2:3b", to="org/name", shares=(0.05, 0.5, 1.0))


@settings(max_examples=60)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20, unique=True))
def test_steps_that_grow_are_read(tenths: list[int]) -> None:
    shares = [one / 1000 for one in sorted(tenths)]
    written = ",".join(render_share(one).replace(" ", "") for one in shares)
    assert parse_steps(written) == pytest.approx(tuple(shares))


@pytest.mark.parametrize(
    "written", ["", "a", "0,5", "5,5", "50,25", "101", "5,,10", "nan", "-5", ",".join(["1"] * 200)]
)
def test_steps_that_lead_nowhere_are_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="--steps"):
        parse_steps(written)


def test_a_plan_says_what_it_moves_and_survives_its_file(tmp_path: Path) -> None:
    plan = make_plan(MOVE, tmp_path, "run-1", by="cli", now=5.0)
    assert parse_plan(render_plan(plan)) == plan
    assert read_move(plan) == MOVE
    assert [(one.before, one.after) for one in plan.changes] == [("0 %", "5 %"), ("5 %", "50 %"), ("50 %", "100 %")]


def test_a_name_that_no_address_can_hold_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be moved"):
        make_plan(Move(route="a\nb", to="c", shares=(1.0,)), tmp_path, "run-1", by="cli", now=0.0)


def begin(state: Path) -> Journal:
    """The journal of a new move."""
    plan = make_plan(MOVE, state, "run-1", by="cli", now=5.0)
    run = Run(id="run-1", kind=KIND, asked_by="cli", created_at=5.0, items=plan_items(plan, backup=False))
    make_private_folder(state / SPLITS_FOLDER)
    return create_journal(state, run, render_plan(plan), SystemClock())


@pytest.mark.parametrize("made", [0, 1, 2, 3])
async def test_it_is_broken_off_after_any_step_gone_on_with_and_taken_back(tmp_path: Path, made: int) -> None:
    """As after kill -9: what the journal says is all that the next process knows."""
    begin(tmp_path).close()
    hands = LocalTransport("box")
    with open_journal(tmp_path, "run-1", SystemClock()) as journal:
        bench = Bench(hands=hands, clock=SystemClock(), ledger=Ledger(journal.run, journal))
        for number in range(made):
            await make_change(parse_plan(journal.payload), number, bench)
    assert [one.share for one in load_splits(tmp_path)] == [*MOVE.shares[:made][-1:]]
    with open_journal(tmp_path, "run-1", SystemClock()) as journal:
        assert find_state(journal.run) == {0: "new"}.get(made, "open")
        bench = Bench(hands=hands, clock=SystemClock(), ledger=Ledger(journal.run, journal))
        for number in range(3):
            await make_change(parse_plan(journal.payload), number, bench)
        bench.ledger.move(CHECK_KEY, "begun")
        bench.ledger.move(CHECK_KEY, "done")
        assert find_state(journal.run) == "moved"
    assert load_splits(tmp_path)[0].share == 1.0
    with open_journal(tmp_path, "run-1", SystemClock()) as journal:
        bench = Bench(hands=hands, clock=SystemClock(), ledger=Ledger(journal.run, journal))
        assert (await undo(parse_plan(journal.payload), bench)).state == "undone"
        assert find_state(journal.run) == "back"
    assert load_splits(tmp_path) == ()


@pytest.mark.parametrize("made", [0, 1, 2])
async def test_a_step_that_was_made_and_not_written_down_is_found_done(tmp_path: Path, made: int) -> None:
    hands = LocalTransport("box")
    with begin(tmp_path) as journal:
        bench = Bench(hands=hands, clock=SystemClock(), ledger=Ledger(journal.run, journal))
        plan = parse_plan(journal.payload)
        for number in range(made):
            await make_change(plan, number, bench)
        bench.ledger.move(f"change {made}", "begun")
        action = plan.changes[made].do
        await hands.write(action.path, action.content, mode=action.mode)
    with open_journal(tmp_path, "run-1", SystemClock()) as journal:
        bench = Bench(hands=hands, clock=SystemClock(), ledger=Ledger(journal.run, journal))
        await make_change(plan, made, bench)
        assert bench.ledger.get(f"change {made}").detail == "found done"
        assert (await undo(plan, bench)).state == "undone"
    assert load_splits(tmp_path) == ()
