"""Made issues, clues and findings for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keepwell.core import ref
from keepwell.core.finding import Finding, Status
from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.clues import Clues, TextHits
from keepwell.diagnose.issue_file import patterns_of
from keepwell.scan.scanner import Scanner
from keepwell.scan.signature import make_signature

ENGINE = ref.engine("box", "alpha")


def make_issue(name: str, *evidence: Evidence, prior: float = 0.02, **more: Any) -> Issue:
    """An issue with nothing but what a test is about."""
    return Issue(id=name, title=name, family="made", definition=name, prior=prior, evidence=evidence, **more)


def make_finding(
    check: str,
    status: Status = Status.CRITICAL,
    *,
    subject: ref.Ref = ENGINE,
    facts: Mapping[str, str] | None = None,
) -> Finding:
    """A finding about an engine."""
    return Finding(check=check, subject=subject, status=status, message=f"{check} is {status.name}", facts=facts or {})


def make_catalogue(*issues: Issue) -> Catalogue:
    """A catalogue of these issues."""
    patterns = dict.fromkeys(pattern for issue in issues for pattern in patterns_of(issue))
    return Catalogue(
        issues={issue.id: issue for issue in issues},
        signatures={pattern: make_signature(pattern) for pattern in patterns},
    )


def make_clues(
    issues: Sequence[Issue],
    *,
    text: str = "",
    findings: Sequence[Finding] = (),
    follow_ups: tuple[str, ...] = (),
    pasted: bool = True,
) -> Clues:
    """What these issues' signatures find in a text, and findings."""
    patterns = dict.fromkeys([*follow_ups, *(pattern for issue in issues for pattern in patterns_of(issue))])
    hits = Scanner([make_signature(one) for one in patterns], faults=patterns).scan([text.encode()]).hits
    ordinary = frozenset(one for one in patterns if make_signature(one).ordinary)
    texts = (TextHits(name="t", hits=hits, pasted=pasted, ordinary=ordinary),)
    return Clues(findings=tuple(findings), texts=texts, follow_ups=follow_ups)
