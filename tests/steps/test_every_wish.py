"""Whatever step keeps a wish: on a node with nothing of it, it compares, copies and is described without a fault."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from keepwell.app.desired.describing import render_baseline
from keepwell.config import parse_config
from keepwell.conform.desired.compare import compare
from keepwell.conform.desired.look import look
from keepwell.conform.desired.plan import judge, make_plans
from keepwell.conform.desired.portrait import ask_for, ask_for_portrait, draw, strip
from keepwell.conform.desired.resolve import Wished, resolve
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.plugins.registry import names
from keepwell.plugins.wish import find_keys
from keepwell.testing.rooted import RootedNode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "desired.md"


def _wished() -> list[Wished]:
    """Every table that the page of desired state shows."""
    found: list[Wished] = []
    for text in re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
        if "[[desired]]" not in text:
            text = f'[[desired]]\nname = "shown"\n{text}'
        text = re.sub(r"^(nodes|tags) = .*$", "", text, flags=re.M)
        kinds = {"kind": set(names("engines"))}
        config = parse_config(text.encode(), path=Path("x"), kinds=kinds, local_name="made", wishes=find_keys)
        found += resolve(config.desired)
    return found


@pytest.mark.parametrize("wished", _wished(), ids=lambda one: one.label)
async def test_it_is_compared_copied_and_described(wished: Wished, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    node = RootedNode(tmp_path)
    looked = await look((*ask_for([wished]), *ask_for_portrait([wished])), node)
    await node.close()
    (one,) = compare([wished], looked, (), date(2026, 11, 22))
    portrait = draw([wished], looked)
    assert list(portrait) == [wished.label]
    copies = [(wished, wished.keeps.copy(strip(wished), looked))]
    assert render_baseline("made", copies, head=["[[desired]]"]).text
    for plan in make_plans([one], "made"):
        assert parse_plan(render_plan(plan)) == plan
        finding = judge(plan, [one])
        assert finding is not None
        assert finding.bad
