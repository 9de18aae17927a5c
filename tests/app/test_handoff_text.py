"""A handoff: all sections, a stable order, commands as they are typed, no secret and nothing that acts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.handoff_text import Handoff, plain, render_handoff
from keepwell.app.repair_report import RunLine
from keepwell.app.report import DiagnosisReport, NodePicture
from keepwell.config.model import DecisionEntry
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import AdvisedFix, Contribution, Diagnosis, Hypothesis
from keepwell.core.issue import Command, Evidence
from keepwell.core.observation import unknown
from keepwell.core.ref import engine, node
from keepwell.fleet.decisions import Decided, Decisions, Unused
from keepwell.timeline.merge import Timeline, Unread

NOW = 1_767_225_600.0
SECTIONS = [
    "State",
    "Open problems",
    "What changed",
    "Repairs by keepwell",
    "The owner's decisions",
    "Could not be looked at",
    "Next",
]
BOX = NodePicture(
    ref=node("box"),
    system="Debian",
    cores=4,
    memory_total_bytes=1.0,
    memory_available_bytes=unknown("no"),
    devices=(),
    engines=(),
)
CPU = DecisionEntry(what="CPU only", why="quiet room", check="gpu.placement", until="2027-01-31")
OLD = DecisionEntry(what="no updates", why="thesis", check="x.y", until="2025-01-01")
FULL = Finding(check="disk.space", subject=node("box"), status=Status.CRITICAL, message="/models is full")
SLOW = Finding(check="gpu.placement", subject=engine("box", "e"), status=Status.WARNING, message="on the CPU")


def cause(quote: str = "no space left on device", argv: tuple[str, ...] = ("rm", "/models/a b")) -> Hypothesis:
    evidence = Evidence(say="the disk is full", weight=4.0)
    return Hypothesis(
        issue="disk-full",
        title="The disk is full",
        family="storage",
        subject=node("box"),
        confidence=0.97,
        score=1.0,
        supporting=(Contribution(evidence=evidence, weight=4.0, quote=quote, source="log:7"),),
        contradicting=(),
        undecided=(),
        fix=AdvisedFix(
            say="Make room.",
            supervisor="any",
            commands=(Command(argv=argv, root=True),),
            side_effects="None.",
            undo="Pull it again.",
        ),
    )


def handoff(*, well: bool = False, quote: str = "no space left on device", argv: tuple[str, ...] = ("df",)) -> Handoff:
    report = DiagnosisReport(
        at=NOW,
        seconds=1.0,
        level=2,
        node=BOX,
        findings=(FULL, Finding(check="disk.inodes", subject=node("box"), status=Status.UNKNOWN, message="blind")),
        checks_made=9,
        diagnosis=Diagnosis(hypotheses=(cause(quote, argv),), unknown=0.03),
        looked=(),
        lines_read=3,
        decisions=Decisions(
            decided=(Decided(finding=SLOW, decision=CPU),),
            expired=(OLD,),
            unused=(Unused(decision=CPU, why="nothing here is called e2"),),
        ),
        changes=(Event(at=NOW - 300, kind="package", what="x was upgraded", source="dpkg", was="1", now="2"),),
        first_error_at=NOW - 60,
    )
    if well:
        report = replace(report, findings=(), diagnosis=Diagnosis(hypotheses=(), unknown=1.0), decisions=Decisions())
    events = tuple(Event(at=NOW - 99, kind="oom", what="killed", source="dmesg", about="e") for _ in range(3))
    run = RunLine(id="plan-1", kind="plan", state="done", created_at=NOW - 9, what="why", subject="node:box")
    return Handoff(
        version="1",
        target="box",
        report=report,
        timeline=Timeline(events=events, unread=(Unread(source="journalctl", reason="not permitted"),)),
        since_seconds=86_400.0,
        runs=(run,),
        decisions=(CPU, OLD),
    )


def test_all_that_the_next_one_needs_stands_in_it() -> None:
    text = render_handoff(handoff(argv=("rm", "/models/a b")))
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    for words in (
        "Overall: CRITICAL.",
        "### 1. The disk is full (97% likely, node:box)",
        "- for: the disk is full: `no space left on device` (log:7)",
        "sudo rm '/models/a b'",
        "First error of the likeliest cause: 2025-12-31 23:59:00 UTC.",
        "x was upgraded: was `1`, is `2` (dpkg)",
        "killed (dmesg) (3 times until",
        "plan-1: done; why",
        "- decided until 2027-01-31: CPU only (quiet room).",
        "  - answers: on the CPU",
        "EXPIRED on 2025-01-01",
        "blind (disk.inodes)",
        "journalctl: not permitted",
        "1. Make room. `sudo rm '/models/a b'`",
        "`keepwell diagnose box`",
    ):
        assert words in text
    assert "\n\n\n" not in text


def test_the_same_look_gives_the_same_text() -> None:
    assert render_handoff(handoff()) == render_handoff(handoff())


def test_a_node_that_is_well_says_so() -> None:
    text = render_handoff(handoff(well=True))
    assert "None: no check found anything wrong." in text
    assert "1. Nothing has to be done." in text


@pytest.mark.parametrize(
    "secret", ["http://ada:hunter22@proxy", "Bearer abcdef123456", "api_key=verysecret", "hf_abcdefghijklmnop"]
)
def test_no_secret_is_handed_on(secret: str) -> None:
    text = render_handoff(handoff(quote=f"x {secret}", argv=("curl", secret)))
    for piece in ("hunter22", "abcdef123456", "verysecret", "abcdefghijklmnop"):
        assert piece not in text


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_text_from_a_log_cannot_act(quote: str) -> None:
    text = render_handoff(handoff(quote=f"{quote}\n# Heading\n```sh\nrm -rf /\n", argv=("df", quote)))
    assert "\x1b" not in text
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    assert "\n# Heading" not in text
    assert text.count("\n```") == 2


def test_words_from_the_world_are_no_markdown() -> None:
    assert plain("<b>[x](http://a)`y`\n# z") == "‹b›(x)(http://a)'y'\\n# z"
