"""Weighing: groups, refuters, requirements, follow-ups, the first error, and what a quiet machine needs."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core import ref
from keepwell.core.finding import Finding, Status
from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.clues import Clues, split_clues
from keepwell.diagnose.rank import rank_causes
from keepwell.diagnose.scale import LOOKED
from keepwell.diagnose.weigh import FIRST_ERROR_BONUS, Weighed, weigh_all
from tests.diagnose.made import make_clues, make_finding, make_issue

CHECKS = ("a.one", "a.two", "b.one", "b.two")
WEIGHTS = st.sampled_from([-4.0, -2.0, 0.5, 1.0, 2.5, 4.5])
EVIDENCE = st.builds(
    Evidence,
    say=st.just("made"),
    weight=WEIGHTS,
    check=st.sampled_from(CHECKS),
    status=st.sampled_from(["bad", "ok"]),
    group=st.sampled_from(["", "", "g", "h"]),
    rules_out=st.sampled_from([False, False, False, True]),
)
ISSUES = st.lists(st.lists(EVIDENCE, min_size=1, max_size=5), min_size=1, max_size=5).map(
    lambda lists: [make_issue(f"issue-{n}", *evidence) for n, evidence in enumerate(lists)]
)
FINDINGS = st.lists(
    st.builds(make_finding, st.sampled_from(CHECKS), st.sampled_from(list(Status))),
    max_size=6,
    unique_by=lambda f: f.check,
)


def weigh_text(text: str, *issues: Issue, **more: Any) -> dict[str, Weighed]:
    """The causes that a text speaks for, by id."""
    return {one.issue.id: one for one in weigh_all(issues, make_clues(issues, text=text, **more))}


def line(pattern: str, weight: float = 4.0, **more: Any) -> Evidence:
    """Evidence of a line."""
    return Evidence(say=pattern, match=(pattern,), weight=weight, **more)


@given(ISSUES, FINDINGS)
@settings(max_examples=150)
def test_confidences_and_unknown_are_one(issues: list[Issue], findings: list[Finding]) -> None:
    ranked, unknown = rank_causes(weigh_all(issues, Clues(findings=tuple(findings))))
    shares = [share for _, share in ranked]
    assert math.isclose(sum(shares) + unknown, 1.0)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert shares == sorted(shares, reverse=True)


@given(ISSUES, FINDINGS, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_order_of_findings_does_not_matter(
    issues: list[Issue], findings: list[Finding], rng: random.Random
) -> None:
    shuffled = list(findings)
    rng.shuffle(shuffled)
    first = {one.issue.id: one for one in weigh_all(issues, Clues(findings=tuple(findings)))}
    other = {one.issue.id: one for one in weigh_all(issues, Clues(findings=tuple(shuffled)))}
    assert first.keys() == other.keys()
    for name, one in first.items():
        assert one.score == pytest.approx(other[name].score)
        assert one.ruled_out == other[name].ruled_out


@given(ISSUES, FINDINGS, st.floats(0.1, 6.0), st.sampled_from(["", "g", "h"]))
@settings(max_examples=150)
def test_more_support_never_lowers_a_cause(
    issues: list[Issue], findings: list[Finding], weight: float, group: str
) -> None:
    extra = Evidence(say="more", weight=weight, check="c.extra", group=group)
    richer = [make_issue("issue-0", *issues[0].evidence, extra), *issues[1:]]
    before = {one.issue.id: one for one in weigh_all(richer, Clues(findings=tuple(findings)))}
    more = (*findings, make_finding("c.extra"))
    after = {one.issue.id: one for one in weigh_all(richer, Clues(findings=more))}
    if "issue-0" in before:
        assert after["issue-0"].score >= before["issue-0"].score


@given(FINDINGS, st.lists(WEIGHTS, min_size=1, max_size=4))
@settings(max_examples=60)
def test_saying_it_again_in_a_group_changes_nothing(findings: list[Finding], weights: list[float]) -> None:
    evidence = [Evidence(say="x", weight=weight, check="a.one", group="g") for weight in weights]
    clues = Clues(findings=(*findings, make_finding("a.one")))
    once = weigh_all([make_issue("x", *evidence)], clues)
    twice = weigh_all([make_issue("x", *evidence, *evidence)], clues)
    assert [one.score for one in once] == [one.score for one in twice]


@given(ISSUES, FINDINGS)
@settings(max_examples=100)
def test_a_refuter_always_strikes_out(issues: list[Issue], findings: list[Finding]) -> None:
    refuter = Evidence(say="cannot be", weight=-1.0, check="d.refutes", rules_out=True)
    struck = [make_issue(one.id, *one.evidence, refuter) for one in issues]
    weighed = weigh_all(struck, Clues(findings=(*findings, make_finding("d.refutes"))))
    assert all(one.ruled_out for one in weighed)
    assert rank_causes(weighed) == ([], 1.0)


def test_a_group_counts_its_largest_weight() -> None:
    issue = make_issue("x", line("brakes", 4.0, group="g"), line("wheels", 2.5, group="g"), line("horn", 1.0))
    found = weigh_text("brakes\nwheels\nhorn", issue)["x"]
    assert found.score == pytest.approx(LOOKED.prior_share * math.log(0.02) + 5.0)
    assert [one.evidence.match for one in found.supporting] == [("brakes",), ("horn",)]


def test_together_and_unless() -> None:
    issue = make_issue("x", line("failed", together=("model",), unless=("retried",)))
    assert "x" in weigh_text("it failed\nthe model", issue)
    assert "x" not in weigh_text("it failed", issue)
    assert "x" not in weigh_text("it failed\nthe model\nretried", issue)


def test_a_requirement_that_was_looked_at_and_is_not_met_rules_out() -> None:
    need = Evidence(say="", weight=0, check="gpu.module", where={"kind": "absent"})
    issue = make_issue("x", line("no device"), requires=(need,))
    assert not weigh_text("no device", issue)["x"].ruled_out
    unknown = make_finding("gpu.module", Status.UNKNOWN)
    assert not weigh_text("no device", issue, findings=(unknown,))["x"].ruled_out
    met = make_finding("gpu.module", facts={"kind": "absent"})
    assert not weigh_text("no device", issue, findings=(met,))["x"].ruled_out
    for other in (make_finding("gpu.module", Status.OK), make_finding("gpu.module", facts={"kind": "other"})):
        assert weigh_text("no device", issue, findings=(other,))["x"].ruled_out


def test_a_follow_up_below_an_earlier_error_is_explained_away() -> None:
    cause = make_issue("cause", line("tensor is cut"), follow_ups=("exiting now",))
    other = make_issue("other", line("exiting now"))
    assert set(weigh_text("tensor is cut\nexiting now", cause, other)) == {"cause"}
    assert set(weigh_text("exiting now\ntensor is cut", cause, other)) == {"cause", "other"}


def test_an_engines_follow_up_is_explained_by_any_earlier_error() -> None:
    cause, other = make_issue("cause", line("tensor is cut")), make_issue("other", line("runner terminated"))
    found = weigh_text("tensor is cut\nrunner terminated", cause, other, follow_ups=("runner terminated",))
    assert set(found) == {"cause"}
    assert set(weigh_text("runner terminated", cause, other, follow_ups=("runner terminated",))) == {"other"}


def test_the_first_error_counts_a_little_more() -> None:
    one, two = make_issue("one", line("alpha broke")), make_issue("two", line("beta broke"))
    found = weigh_text("alpha broke\nbeta broke", one, two)
    assert found["one"].score - found["two"].score == pytest.approx(FIRST_ERROR_BONUS)


def test_what_is_well_speaks_for_no_cause_alone() -> None:
    issue = make_issue("x", Evidence(say="fine", weight=3.0, check="a.one", status="ok"))
    assert weigh_all([issue], Clues(findings=(make_finding("a.one", Status.OK),))) == []


def test_a_hint_in_a_log_needs_something_bad() -> None:
    issue = make_issue("x", line("curious", 1.0))
    assert weigh_text("curious", issue, pasted=False) == {}
    assert "x" in weigh_text("curious", issue, pasted=True)
    assert "x" in weigh_text("curious", issue, pasted=False, findings=(make_finding("z.z"),))


def test_what_healthy_engines_write_is_no_evidence_in_a_log() -> None:
    issue = make_issue("x", line(r"\[GIN\].*200.*POST", 4.5))
    text = '[GIN] 2026/01/02 - 03:04:05 | 200 | 1.2ms | 127.0.0.1 | POST "/api/chat"'
    assert weigh_text(text, issue, pasted=False) == {}
    assert weigh_text(text, issue, pasted=True)["x"].supporting[0].weight < 4.5


def test_other_engines_do_not_matter() -> None:
    here, there = make_finding("a.one"), make_finding("a.two", Status.OK, subject=ref.engine("box", "beta"))
    shared = make_finding("disk.space", subject=ref.Ref("mount", ("box", "/")))
    (only,) = split_clues(Clues(findings=(here, there, shared)))
    assert only.findings == (here, shared)
