"""`keepwell migrate rehearse` and `migrate switch` on a screen: what was judged, how it ended, what can be done now."""

from __future__ import annotations

import json

from rich.console import Console, RenderableType

from keepwell.app.plain import document
from keepwell.app.rehearsing.comparing import FIRST, SECOND, Played, compare, sum_up
from keepwell.app.rehearsing.hearing import Heard
from keepwell.app.rehearsing.report import RehearsalReport
from keepwell.app.rehearsing.verdict import Wanted, conclude, judge
from keepwell.app.switching.objectives import Objective
from keepwell.app.switching.report import State, StepLine, SwitchReport
from keepwell.cli.views import migrate_rehearse, migrate_switch


def shown(view: RenderableType) -> str:
    """As it stands on a wide screen without colours."""
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(view)
    return captured.get()


def rehearsal(second: str, problem: str = "") -> RehearsalReport:
    """Six requests with the same two answers each."""
    usual = {"first_seconds": 0.1, "token_seconds": 0.01, "total_seconds": 1.0, "input_tokens": 5, "output_tokens": 9}
    one = Heard(**usual, text="The sky is blue today.", replica="box/0")
    other = Heard(**usual, text=second, replica="box/1", problem=problem, said="it \x1b[31mdied")
    played = [Played(name=f"request {number}", first=one, second=other) for number in range(6)]
    sides = sum_up("a", played, FIRST), sum_up("b", played, SECOND)
    texts = tuple(compare(each) for each in played)
    rules = judge(*sides, texts, Wanted())
    return RehearsalReport(
        said=conclude(rules),
        first=sides[0],
        second=sides[1],
        rules=rules,
        texts=texts,
        by="the gateway",
        source="a file",
        notes=("a note",),
        partial=bool(problem),
    )


def test_a_go_says_what_comes_next() -> None:
    said = shown(migrate_rehearse.render(rehearsal("The sky is blue today.")))
    assert "✓ go" in said
    assert "keepwell migrate switch a --to b" in said
    assert "✓ text at temperature 0: 6 of 6 answers are equal" in said


def test_a_no_go_shows_where_texts_part_and_what_failed_without_control_characters() -> None:
    said = shown(migrate_rehearse.render(rehearsal("The sea\x1b[2J is red.")))
    assert "✗ no-go" in said
    assert "alike for 5 characters, then" in said
    broken = shown(migrate_rehearse.render(rehearsal("", "http_502")))
    assert "http_502: it " in broken
    assert "broken off" in broken
    assert "\x1b" not in said + broken


def switched(state: State, share: float) -> SwitchReport:
    """A move that ended so."""
    objective = Objective(name="errors", verdict="missed", before=0.0, after=1.0, limit=0.01, said="2 of 2 failed")
    step = StepLine(share=1.0, seconds=60.0, requests=9, failed=2, came_back=2, stayed=4, objectives=(objective,))
    keep = '[[route]]\nname = "a"' * (state == "moved")
    return SwitchReport(
        run="run-1", route="a", to="b", state=state, share=share, detail="why", steps=(step,), keep=keep
    )


def test_each_end_of_a_move_says_how_to_go_on_or_back() -> None:
    moved, held, back = (
        shown(migrate_switch.render(switched(state, share)))
        for state, share in (("moved", 1.0), ("held", 0.5), ("back", 0.0))
    )
    assert "100 %: 9 requests in 60 s, 2 came back" in moved
    assert "4 requests stayed" in moved
    assert "[[route]]" in moved
    assert "keepwell migrate switch a --to b" in held
    assert "keepwell undo run-1" in held
    assert "✗ went back: why" in back
    assert "keepwell undo" not in back


def test_both_have_a_json_form() -> None:
    for report, schema in ((rehearsal("x"), "keepwell.rehearsal/1"), (switched("held", 0.5), "keepwell.switch/1")):
        assert json.loads(json.dumps(document(report)))["schema"] == schema
