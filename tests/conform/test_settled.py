"""A command that says that all was so already has done its work; any other failure is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.conform.actions import perform
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.core.errors import AccessError
from keepwell.core.step import Change, Plan, RunCommand
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.conform.kit import SUBJECT


async def test_only_the_named_exit_codes_are_as_good_as_none(tmp_path: Path) -> None:
    def program(argv: object, root: Path) -> Ran:
        return Ran(argv=(), code=9, stdout=b"", stderr=b"already exists")

    node = RootedNode(tmp_path, programs={"useradd": program})
    await perform(RunCommand(argv=("useradd", "x"), settled=(9,)), node)
    with pytest.raises(AccessError, match="ended with 9: already exists"):
        await perform(RunCommand(argv=("useradd", "x"), settled=(6,)), node)


def test_a_plan_keeps_them() -> None:
    do = RunCommand(argv=("useradd", "x"), settled=(9, 4))
    change = Change(subject=SUBJECT, what="x", before="", after="", do=do, undo=RunCommand(argv=("userdel", "x")))
    plan = Plan(step="some", check="some.check", subject=SUBJECT, why="test", changes=(change,))
    assert parse_plan(render_plan(plan)) == plan
