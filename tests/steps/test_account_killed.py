"""A plan that makes an account, cut off at every record of its journal: gone on with, or taken back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from keepwell.conform.execute import Bench, apply
from keepwell.conform.ledger import Ledger, plan_items
from keepwell.conform.undo import undo
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import node as node_ref
from keepwell.core.run import Item, Run
from keepwell.core.step import Plan
from keepwell.steps.account import STEP
from keepwell.testing.rooted import RootedNode
from tests.conform.kit import HastyClock
from tests.steps.keeping import find_drift
from tests.steps.private import make_private_node
from tests.steps.test_account import PROGRAMS, told

WISH = {"user": "llm", "group": "models", "groups": ("render",)}
HERE = node_ref("made")


class CutOff(BaseException):
    """The process ends here."""


class Paper:
    """A journal that ends its process before or after the n-th record."""

    def __init__(self, run: Run, at: int, kept: bool) -> None:
        self.items = {item.key: item for item in run.items}
        self.run = run
        self._left = at
        self._kept = kept

    def record(self, run_id: str, item: Item) -> None:
        self._left -= 1
        if self._left == 0 and not self._kept:
            raise CutOff
        self.items[item.key] = item
        if self._left == 0:
            raise CutOff

    def found(self) -> Run:
        return dataclasses.replace(self.run, items=tuple(self.items.values()))


async def well() -> Finding:
    return Finding(check="desired.account", subject=HERE, status=Status.OK, message="as wished")


def bench(node: RootedNode, run: Run, paper: Paper) -> Bench:
    return Bench(hands=node, clock=HastyClock(), ledger=Ledger(run, paper))


@pytest.mark.long
@pytest.mark.parametrize("back", [False, True])
async def test_every_instant(tmp_path: Path, back: bool) -> None:
    node = make_private_node(tmp_path / "node", PROGRAMS)
    before = told(node)
    drift = await find_drift(STEP, WISH, node)
    plan = Plan(step="account", check="desired.account", subject=HERE, why="test", changes=drift.changes)
    run = Run(id="test", kind="plan", asked_by="test", created_at=0.0, items=plan_items(plan))
    cuts = 0
    for kept in (False, True):
        for at in range(1, 40):
            paper = Paper(run, at, kept)
            try:
                await apply(plan, bench(node, run, paper), well)
                break
            except CutOff:
                cuts += 1
            rest = Paper(paper.found(), -1, True)
            if not back:
                assert (await apply(plan, bench(node, paper.found(), rest), well)).state == "well"
                assert (await find_drift(STEP, WISH, node)).same
            rest = Paper(rest.found(), -1, True)
            assert (await undo(plan, bench(node, rest.found(), rest))).state == "undone"
            assert told(node) == before
        # nothing cut it off any more: the node is as wished, and goes back for the next round
        rest = Paper(paper.found(), -1, True)
        assert (await undo(plan, bench(node, paper.found(), rest))).state == "undone"
    assert cuts >= 8
