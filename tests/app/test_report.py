"""What a report makes of a diagnosis: which causes are told, and how the command leaves."""

from __future__ import annotations

import pytest

from keepwell.app.report import DiagnosisReport, NodePicture
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.core.observation import unknown
from keepwell.core.ref import node

NODE = NodePicture(
    ref=node("n"),
    system="",
    cores=unknown("not looked"),
    memory_total_bytes=unknown("not looked"),
    memory_available_bytes=unknown("not looked"),
    devices=(),
    engines=(),
)


def report(*shares: float, seen: bool, status: Status = Status.OK) -> DiagnosisReport:
    causes = tuple(
        Hypothesis(
            issue=f"c{index}",
            title="t",
            family="f",
            subject=None,
            confidence=one,
            score=0.0,
            supporting=(),
            contradicting=(),
            undecided=(),
        )
        for index, one in enumerate(shares)
    )
    return DiagnosisReport(
        at=0.0,
        seconds=0.0,
        level=1,
        node=NODE if seen else None,
        findings=(Finding(check="a.b", subject=node("n"), status=status, message="m"),),
        checks_made=1,
        diagnosis=Diagnosis(hypotheses=causes, unknown=1 - sum(shares)),
        looked=(),
        lines_read=1,
    )


def test_a_cause_that_is_next_to_impossible_is_not_told() -> None:
    assert report(0.004, seen=True).causes == ()
    assert [one.issue for one in report(0.4, 0.3, seen=True).causes] == ["c0"]


@pytest.mark.parametrize(("share", "code"), [(0.004, 0), (0.3, 1), (0.9, 2)])
def test_a_text_is_judged_by_its_likeliest_cause(share: float, code: int) -> None:
    assert report(share, seen=False).exit_code == code


@pytest.mark.parametrize(
    ("share", "status", "code"),
    [
        (0.3, Status.OK, 0),
        (0.3, Status.UNKNOWN, 0),
        (0.9, Status.OK, 1),
        (0.9, Status.CRITICAL, 2),
        (0.1, Status.WARNING, 1),
    ],
)
def test_a_machine_is_judged_by_its_worst_finding_and_a_likely_cause(share: float, status: Status, code: int) -> None:
    assert report(share, seen=True, status=status).exit_code == code
