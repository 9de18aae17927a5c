"""Decisions and changes beside an answer."""

from __future__ import annotations

import io

from rich.console import Console, Group, RenderableType

from keepwell.cli.views.word import render_changes, render_decisions
from keepwell.config.model import DecisionEntry
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Hypothesis
from keepwell.core.ref import node
from keepwell.fleet.decisions import Decided, Decisions, Unused

CPU = DecisionEntry(what="CPU only", why="quiet\x1b[2Jroom", until="2027-01-31", check="gpu.placement")
SLOW = Finding(check="gpu.placement", subject=node("box"), status=Status.WARNING, message="on the CPU")


def shown(parts: list[RenderableType]) -> str:
    out = io.StringIO()
    Console(file=out, width=120, highlight=False).print(Group(*parts))
    return out.getvalue()


def test_what_was_decided_stands_below_the_owner_s_words() -> None:
    cause = Hypothesis(
        issue="gpu-not-used",
        title="The GPU is not used",
        family="f",
        subject=None,
        confidence=0.9,
        score=0.0,
        supporting=(),
        contradicting=(),
        undecided=(),
        decided="decided: as it should be (why)",
    )
    told = Decisions(
        decided=(Decided(finding=SLOW, decision=CPU),),
        expired=(DecisionEntry(what="no updates", why="thesis", until="2025-01-01"),),
        unused=(Unused(decision=CPU, why="no check is called gpu.plac", nearest="gpu.placement"),),
    )
    lines = shown(list(render_decisions(told, [cause]))).splitlines()
    assert lines[0].startswith("= Decided until 2027-01-31: CPU only (quiet")
    assert lines[1].startswith("    on the CPU  gpu.placement")
    assert lines[2].startswith("= Decided: as it should be (why)")
    assert lines[3].startswith("    The GPU is not used  gpu-not-used")
    assert lines[4].startswith("! A decision ended on 2025-01-01 and no longer counts: no updates")
    assert "did you mean gpu.placement?" in lines[5]
    assert "\x1b" not in "".join(lines)


def test_nothing_decided_says_nothing() -> None:
    assert render_decisions(Decisions()) == []
    assert render_changes((), 0.0, first_error=True) == []


def test_changes_are_told_by_how_long_before() -> None:
    change = Event(at=100.0, kind="file", what="/e.env was changed", source="s", was="A=1", now="A=2")
    text = shown(list(render_changes([change], 340.0, first_error=True)))
    assert "4 min before the first error  /e.env was changed: A=1 -> A=2" in text
    assert "4 min ago" in shown(list(render_changes([change], 340.0, first_error=False)))
