"""A cause that the owner decided on is told last, and takes along the findings that only it explains."""

from __future__ import annotations

from keepwell.config.model import DecisionEntry
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Contribution, Diagnosis, Hypothesis
from keepwell.core.issue import Evidence
from keepwell.core.ref import engine
from keepwell.diagnose.decided import settle

HERE = engine("box", "e")
CPU = DecisionEntry(what="CPU only", why="quiet room", issue="gpu-not-used", until="2027-01-31")


def finding(check: str, status: Status = Status.WARNING) -> Finding:
    return Finding(check=check, subject=HERE, status=status, message="m")


def cause(issue: str, confidence: float, *checks: str) -> Hypothesis:
    return Hypothesis(
        issue=issue,
        title="t",
        family="f",
        subject=HERE,
        confidence=confidence,
        score=0.0,
        supporting=tuple(
            Contribution(evidence=Evidence(say="s", weight=1.0), weight=1.0, quote="q", source=f"{check} at {HERE}")
            for check in checks
        ),
        contradicting=(),
        undecided=(),
    )


def test_a_decided_cause_comes_last_with_its_citation() -> None:
    first, second = cause("gpu-not-used", 0.9, "gpu.placement"), cause("other", 0.05)
    placement = finding("gpu.placement")
    settled = settle(Diagnosis(hypotheses=(first, second), unknown=0.05), [placement], [CPU])
    assert [one.issue for one in settled.diagnosis.hypotheses] == ["other", "gpu-not-used"]
    assert settled.diagnosis.hypotheses[1].decided == "decided until 2027-01-31: CPU only (quiet room)"
    assert settled.diagnosis.hypotheses[1].confidence == 0.9
    assert settled.open == ()
    assert [one.finding for one in settled.decided] == [placement]


def test_a_finding_that_another_fault_explains_stays_open() -> None:
    decided = cause("gpu-not-used", 0.9, "gpu.placement", "gpu.versions")
    fault = cause("driver", 0.8, "gpu.versions")
    findings = [finding("gpu.placement"), finding("gpu.versions"), finding("disk.space", Status.OK)]
    settled = settle(Diagnosis(hypotheses=(decided,), unknown=0.1, also=(fault,)), findings, [CPU])
    assert [one.check for one in settled.open] == ["gpu.versions", "disk.space"]
    assert [one.finding.check for one in settled.decided] == ["gpu.placement"]


def test_without_decisions_nothing_changes() -> None:
    diagnosis = Diagnosis(hypotheses=(cause("gpu-not-used", 0.9, "gpu.placement"),), unknown=0.1)
    settled = settle(diagnosis, [finding("gpu.placement")], [])
    assert settled.diagnosis == diagnosis
    assert settled.decided == ()
