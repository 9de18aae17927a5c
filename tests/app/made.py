"""A report with everything in it: a cause with a fix, findings, decisions, a change and what could not be looked at."""

from __future__ import annotations

from dataclasses import replace

from keepwell.app.handoff_text import Handoff
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
