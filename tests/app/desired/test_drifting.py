"""Nodes against what is wished of them: side by side, by baseline, node against node, now against then, as plans."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from keepwell.app.desired.against import hold_against, parse_since
from keepwell.app.desired.drifting import NodeLook, choose_targets, look_at_all, tell
from keepwell.app.desired.rechecking import recheck_desired
from keepwell.app.desired.report import DriftReport, NodeDrift
from keepwell.app.operation import Caller
from keepwell.app.unreached import Unreached
from keepwell.app.wiring import Wiring
from keepwell.cli.views.drift import render
from keepwell.conform.actions import perform
from keepwell.conform.desired.plan import make_plans
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Status
from keepwell.store.portraits import load_portraits
from keepwell.testing.rooted import RootedNode
from tests.app.desired.kit import make_wiring, rewired

WISH = """
[[desired]]
name = "both"
tags = ["pair"]
[[desired.environment]]
path = "/etc/x.env"
values = {A = "1"}
"""
LIKE_A = """
[[desired]]
name = "like a"
nodes = ["b"]
baseline = "a"
[[desired.environment]]
path = "/etc/x.env"
"""


def _write(wiring: Wiring, node: str, text: str, name: str = "x.env") -> None:
    (wiring.state.parent / node / "etc" / name).write_text(text)


async def _drift(wiring: Wiring, *words: str) -> tuple[list[NodeDrift], list[Unreached], list[NodeLook]]:
    _, answers = await look_at_all(wiring, Caller(), choose_targets(wiring, words))
    looks = [one for one in answers if isinstance(one, NodeLook)]
    return [tell(one) for one in looks], [one for one in answers if isinstance(one, Unreached)], looks


async def test_every_node_of_a_group_is_looked_at_and_one_that_is_off_is_said(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, WISH, "a")
    _write(wiring, "a", "A=1\nB=2\n")
    nodes, unreached, _ = await _drift(wiring)
    ((one,),) = [node.wishes for node in nodes]
    assert (one.state, one.label, one.group) == ("same", "environment /etc/x.env", "[[desired]] both")
    assert [(away.node, away.what) for away in unreached] == [("b", "no route to it")]
    assert DriftReport(at=0.0, seconds=0.0, nodes=tuple(nodes), unreached=tuple(unreached)).exit_code == 3


async def test_what_differs_is_told_planned_mended_and_asked_again(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, WISH, "a", "b")
    _write(wiring, "a", "A=0\nB=2\n")
    _write(wiring, "b", "A=1\n")
    nodes, _, looks = await _drift(wiring)
    assert [one.differs for one in nodes] == [True, False]
    assert DriftReport(at=0.0, seconds=0.0, nodes=tuple(nodes)).exit_code == 1
    (plan,) = make_plans(looks[0].compared, "a")
    hands = RootedNode(tmp_path / "a", name="a")
    recheck = recheck_desired(plan, Caller(), wiring, hands)
    before = await recheck()
    for change in plan.changes:
        await perform(change.do, hands)
    after = await recheck()
    assert before is not None
    assert after is not None
    assert (before.status, after.status) == (Status.WARNING, Status.OK)
    assert (tmp_path / "a" / "etc" / "x.env").read_text() == "A=1\nB=2\n"
    assert not (await _drift(wiring, "a"))[0][0].differs
    assert await recheck_desired(plan, Caller(), rewired(wiring, LIKE_A), hands)() is None


async def test_a_baseline_gives_what_a_table_leaves_out(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, LIKE_A, "a", "b")
    _write(wiring, "a", "A=1\nB=2\n")
    _write(wiring, "b", "A=1\nB=3\nC=4\n")
    (node,), _, looks = await _drift(wiring)
    (one,) = node.wishes
    assert (node.node, one.state) == ("b", "differs")
    (plan,) = make_plans(looks[0].compared, "b")
    for change in plan.changes:
        await perform(change.do, RootedNode(tmp_path / "b", name="b"))
    assert (tmp_path / "b" / "etc" / "x.env").read_text() == "A=1\nB=2\nC=4\n"


async def test_a_baseline_that_is_off_is_told_by_every_wish_that_needs_it(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, LIKE_A, "b")
    _write(wiring, "b", "A=1\n")
    (node,), _, _ = await _drift(wiring)
    (one,) = node.wishes
    assert one.state == "untold"
    assert "its baseline a cannot be looked at" in one.why
    assert "no route to it" in one.why
    bare = rewired(wiring, '[[desired]]\nname = "all of a"\nnodes = ["b"]\nbaseline = "a"\n')
    _, (away,), _ = await _drift(bare)
    assert "the baseline of [[desired]] all of a cannot be looked at" in away.what


async def test_groups_that_contradict_each_other_are_told_of_the_nodes_of_both(tmp_path: Path) -> None:
    other = WISH.replace('tags = ["pair"]', 'nodes = ["a"]').replace('"both"', '"one"').replace('"1"', '"2"')
    wiring = make_wiring(tmp_path, WISH + other, "a", "b")
    _write(wiring, "b", "A=1\n")
    nodes, (away,), _ = await _drift(wiring)
    assert [one.node for one in nodes] == ["b"]
    assert away.node == "a"
    assert "environment /etc/x.env: values.A" in away.what


async def test_a_decision_is_honoured_and_cited(tmp_path: Path) -> None:
    decision = '[[decision]]\nwhat = "as it is"\nwhy = "an experiment"\nabout = "/etc/x.env"\n'
    wiring = make_wiring(tmp_path, decision + WISH, "a", "b")
    _write(wiring, "a", "A=0\n")
    nodes, _, looks = await _drift(wiring, "a")
    (one,) = nodes[0].wishes
    assert one.state == "decided"
    assert "an experiment" in one.why
    assert not nodes[0].differs
    assert make_plans(looks[0].compared, "a") == ()


async def test_node_against_node_by_what_tables_are_about(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, WISH, "a", "b")
    _write(wiring, "a", "A=1\nHF_TOKEN=secret-of-a\nSAME=1\n")
    _write(wiring, "b", "A=1\nB=2\nHF_TOKEN=secret-of-b\nSAME=1\n")
    report = await hold_against(wiring, Caller(), ["a"], "b")
    (pair,) = report.between
    assert (pair.before, pair.after, pair.compared, report.exit_code) == ("a", "b", 1, 1)
    found = {one.key: (one.before, one.after) for one in pair.differences}
    assert found == {"values.HF_TOKEN": ("***", "***"), "values.B": ("", "2")}
    assert "secret-of" not in str(report)
    assert (await hold_against(wiring, Caller(), [], "b")).between == report.between
    with pytest.raises(ConfigurationError, match="like itself"):
        await hold_against(wiring, Caller(), ["b"], "b")


async def test_looks_are_kept_without_secrets(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, WISH, "a", "b")
    _write(wiring, "a", "A=1\nHF_TOKEN=secret-of-a\n")
    await _drift(wiring, "a")
    (kept,) = load_portraits(wiring.state, "a")
    assert kept.things == {"environment /etc/x.env": {"values.A": "1", "values.HF_TOKEN": "***"}}
    assert "secret-of-a" not in (wiring.state / "portraits" / "a.json").read_text()


def test_times_that_can_be_meant(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, WISH)
    now = wiring.clock.now()
    assert parse_since("2h", wiring) == now - 7200
    assert parse_since("2026-01-31T10:02+00:00", wiring) == 1769853720
    with pytest.raises(ConfigurationError, match="is no time"):
        parse_since("yesterday", wiring)


async def test_a_node_that_nothing_is_wished_of_is_named(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, LIKE_A, "a", "b")
    with pytest.raises(ConfigurationError, match=r"no \[\[desired\]\] is about it"):
        choose_targets(wiring, ["a"])
    with pytest.raises(ConfigurationError, match="wishes nothing"):
        choose_targets(rewired(wiring, ""), [])


async def test_the_screen_tells_it(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path, WISH, "a")
    _write(wiring, "a", "A=0\n")
    nodes, unreached, _ = await _drift(wiring)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(DriftReport(at=0.0, seconds=0.0, nodes=tuple(nodes), unreached=tuple(unreached))))
    text = console.export_text()
    assert "A=0 → A=1" in text
    assert "keepwell plan a" in text
    assert "no route to it" in text
