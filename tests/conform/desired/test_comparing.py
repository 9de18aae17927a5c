"""Wishes of a node: which apply, what they come to, one upon the other, and the plans that follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from keepwell.config.desired_model import DesiredEntry
from keepwell.config.model import Config, DecisionEntry, NodeEntry
from keepwell.conform.desired.compare import Compared, compare
from keepwell.conform.desired.plan import judge, make_plans
from keepwell.conform.desired.portrait import MASK, cover, draw, find_differences
from keepwell.conform.desired.resolve import Wished, find_groups, find_nodes, require_agreement, resolve
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Status
from keepwell.core.observation import Missing, failed
from keepwell.core.ref import engine, node
from keepwell.core.step import Put
from keepwell.plugins.wish import Drift, Looked
from tests.conform.desired.kit import RESTART, looked, wish

TODAY = date(2026, 11, 22)


def _compare(*wished: Wished, seen: Looked, decisions: tuple[DecisionEntry, ...] = ()) -> tuple[Compared, ...]:
    return compare(wished, seen, decisions, TODAY)


def test_what_is_as_wished_is_nothing_to_do() -> None:
    (one,) = _compare(wish("/a", X="1"), seen=looked(a="X=1\nY=2\n"))
    assert not one.differs
    assert not one.waits
    assert isinstance(one.drift, Drift)
    assert one.drift.kept == ("Y",)
    assert make_plans((one,), "made") == ()


def test_a_second_wish_about_a_file_sees_what_the_first_one_changes() -> None:
    found = _compare(wish("/a", X="1"), wish("/a", Y="2"), seen=looked(a="Z=0\n"))
    (plan,) = make_plans(found, "made")
    first, second = (change.do for change in plan.changes)
    assert isinstance(first, Put)
    assert isinstance(second, Put)
    assert second.before.content == first.after.content == b"Z=0\nX=1\n"
    assert second.after.content == b"Z=0\nX=1\nY=2\n"


def test_a_plan_for_what_touches_no_engine_and_one_for_each_engine() -> None:
    found = _compare(
        wish("/a", X="1"),
        wish("/b", engine="one", X="1"),
        wish("/c", engine="one", X="1"),
        wish("/d", engine="two", X="1"),
        wish("/same", engine="two", X="1"),
        seen=looked(a="", b="", c="", d="", same="X=1\n"),
    )
    plans = make_plans(found, "made")
    assert [one.engine for one in plans] == [None, engine("made", "one"), engine("made", "two")]
    assert [one.subject for one in plans] == [node("made"), engine("made", "one"), engine("made", "two")]
    assert [len(one.changes) for one in plans] == [1, 2, 1]
    assert [one.activate for one in plans] == [(), (RESTART,), (RESTART,)]
    assert plans[1].wishes == ("lines /b", "lines /c")
    assert {(one.step, one.check) for one in plans} == {("lines_of", "desired.lines")}
    assert [parse_plan(render_plan(one)) for one in plans] == list(plans)


def test_one_file_is_changed_in_one_plan() -> None:
    found = _compare(wish("/a", X="1"), wish("/a", engine="one", Y="2"), seen=looked(a=""))
    (plan,) = make_plans(found, "made")
    assert plan.engine == engine("made", "one")
    assert len(plan.changes) == 2


def test_what_the_owner_decided_stays_and_is_not_foreseen() -> None:
    decision = DecisionEntry(what="hands off", why="an experiment", about="/a")
    found = _compare(wish("/a", X="1"), wish("/b", X="1"), seen=looked(a="", b=""), decisions=(decision,))
    assert [one.decision for one in found] == [decision, None]
    (plan,) = make_plans(found, "made")
    assert plan.wishes == ("lines /b",)


def test_a_plan_is_proved_by_the_wishes_that_asked_for_it() -> None:
    wished = (wish("/a", X="1"), wish("/b", X="1"))
    (plan,) = make_plans(_compare(*wished, seen=looked(a="", b="X=1\n")), "made")
    assert plan.wishes == ("lines /a",)
    before = judge(plan, _compare(*wished, seen=looked(a="", b="")))
    after = judge(plan, _compare(*wished, seen=looked(a="X=1\n", b="")))  # b changed since, and is not its matter
    blind = judge(plan, _compare(*wished, seen=Looked(node="made", entries={"/a": failed("no way"), "/b": failed("")})))
    assert before is not None
    assert after is not None
    assert blind is not None
    assert (before.status, after.status, blind.status) == (Status.WARNING, Status.OK, Status.UNKNOWN)
    assert (after.check, after.subject) == (plan.check, plan.subject)
    assert judge(plan, _compare(wished[1], seen=looked(b=""))) is None


def test_a_wish_whose_source_is_missing_is_told_and_changes_nothing() -> None:
    lost = replace(wish("/a", X="1"), missing=failed("no repository"))
    (one,) = _compare(lost, seen=looked(a=""))
    assert isinstance(one.drift, Missing)
    assert not one.differs
    assert make_plans((one,), "made") == ()


def test_groups_are_about_nodes_by_name_by_tag_or_all_of_them() -> None:
    by_name, by_tag, every = DesiredEntry(nodes=("a",)), DesiredEntry(tags=("x",)), DesiredEntry()
    nodes = (NodeEntry(name="a", address="10.0.0.1"), NodeEntry(name="b", address="10.0.0.2", tags=("x",)))
    config = Config(nodes=nodes, desired=(by_name, by_tag, every))
    assert find_groups(config, ("a",), "here") == (by_name, every)
    assert find_groups(config, ("b",), "here") == (by_tag, every)
    assert find_groups(config, ("here",), "here") == ()  # nobody spoke of the machine that keepwell runs on
    assert find_nodes(config, "here") == ("a", "b")
    assert find_nodes(Config(nodes=nodes, desired=(by_name,)), "here") == ("a",)
    assert find_nodes(Config(desired=(every,)), "here") == ("here",)
    assert find_nodes(Config(nodes=nodes, desired=(DesiredEntry(nodes=("here",)),)), "here") == ("here",)


def test_two_groups_that_contradict_each_other_are_named() -> None:
    one, other = DesiredEntry(name="one"), DesiredEntry(tags=("x",))
    require_agreement([wish("/a", group=one, X="1", Y="2"), wish("/a", group=other, X="1"), wish("/b", X="9")])
    with pytest.raises(ConfigurationError) as caught:
        require_agreement([wish("/a", group=one, X="1"), wish("/a", group=other, X="2")])
    assert "lines /a: values.X" in caught.value.what
    assert "[[desired]] one and [[desired]] of x" in caught.value.where
    with pytest.raises(ConfigurationError, match="lines /a: engine"):
        require_agreement([wish("/a", engine="p"), wish("/a", engine="q")])


def test_a_table_that_no_step_keeps_is_named() -> None:
    from keepwell.config.desired_model import WishEntry

    with pytest.raises(ConfigurationError, match="no step keeps 'nothing'"):
        resolve([DesiredEntry(wishes=(WishEntry(table="nothing", values={}),))])


def test_a_portrait_tells_all_that_a_node_has_without_secrets() -> None:
    wished = (wish("/a", X="1"), wish("/gone"))
    seen = looked(a="X=1\nHF_TOKEN=abcdefghijkl\n")
    seen = replace(seen, entries={**seen.entries, "/gone": failed("no way")})
    assert draw(wished, seen) == {
        "lines /a": {"values.X": "1", "values.HF_TOKEN": MASK},
        "lines /gone": {"cannot be told": "no way"},
    }


def test_two_nodes_are_compared_by_their_secrets_and_these_are_not_shown() -> None:
    wished = (wish("/a"),)
    mine = draw(wished, looked(a="X=1\nHF_TOKEN=one-secret\nY=2\n"), masked=False)
    theirs = draw(wished, looked(a="X=1\nHF_TOKEN=two-secret\nZ=3\n"), masked=False)
    found = [(one.key, one.before, one.after) for one in cover(find_differences(mine, theirs))]
    assert found == [("values.HF_TOKEN", MASK, MASK), ("values.Y", "2", ""), ("values.Z", "", "3")]
    assert find_differences(mine, mine) == ()
