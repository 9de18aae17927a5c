"""Plans survive the way to bytes and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.core.errors import DamagedError
from keepwell.core.ref import Ref
from keepwell.core.step import (
    Change,
    EndProcess,
    Plan,
    RemoveFile,
    RunCommand,
    Serving,
    SetMode,
    SetOwner,
    StartProcess,
    WriteFile,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
NUMBER = st.integers(0, 2**31)
ACTIONS = st.one_of(
    st.builds(SetMode, path=TEXT, mode=NUMBER),
    st.builds(SetOwner, path=TEXT, uid=NUMBER, gid=NUMBER),
    st.builds(WriteFile, path=TEXT, content=st.binary(max_size=20), expect_sha256=TEXT, mode=NUMBER),
    st.builds(RemoveFile, path=TEXT, expect_sha256=TEXT),
    st.builds(RunCommand, argv=st.tuples(TEXT), timeout_seconds=st.floats(0, 100)),
    st.builds(StartProcess, argv=st.tuples(TEXT), mark=TEXT),
    st.builds(EndProcess, pid=NUMBER, started_at=st.floats(0, 1e9), mark=TEXT),
)
STARTS = st.builds(
    StartProcess, argv=st.tuples(TEXT, TEXT), output=TEXT, uid=NUMBER, replaces_started_at=st.floats(0, 1e9)
)
REFS = st.sampled_from([Ref("path", ("n", "/a/b")), Ref("engine", ("n", "e:1"))])
CHANGES = st.builds(Change, subject=REFS, what=TEXT, before=TEXT, after=TEXT, do=ACTIONS, undo=ACTIONS, interrupts=TEXT)
PLANS = st.builds(
    Plan,
    step=TEXT,
    check=TEXT,
    subject=REFS,
    why=TEXT,
    changes=st.lists(CHANGES, max_size=3).map(tuple),
    activate=st.lists(st.one_of(STARTS, st.builds(RunCommand, argv=st.tuples(TEXT))), max_size=2).map(tuple),
    proof=st.lists(st.builds(Serving, kind=TEXT, url=TEXT, models=st.tuples(TEXT)), max_size=2).map(tuple),
)


@settings(max_examples=60)
@given(PLANS)
def test_bytes_and_back(plan: Plan) -> None:
    assert parse_plan(render_plan(plan)) == plan


def test_a_change_without_undo_survives() -> None:
    made = Change(
        subject=Ref("node", ("n",)),
        what="w",
        before="",
        after="",
        do=RunCommand(argv=("x",)),
        undo=None,
        irreversible="so",
    )
    plan = Plan(step="s", check="c", subject=Ref("node", ("n",)), why="", changes=(made,))
    assert parse_plan(render_plan(plan)) == plan


@settings(max_examples=60)
@given(PLANS, st.data())
def test_a_damaged_plan_is_told(plan: Plan, data: st.DataObject) -> None:
    content = render_plan(plan)
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    with pytest.raises(DamagedError):
        parse_plan(cut)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"schema":"keepwell.plan/0","plan":{}}', b'{"schema":"keepwell.plan/1","plan":[]}']
)
def test_what_is_no_plan_is_told(content: bytes) -> None:
    with pytest.raises(DamagedError):
        parse_plan(content)
