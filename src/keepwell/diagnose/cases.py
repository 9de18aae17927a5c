"""Runs the cases of issue files: each issue must be ranked first in its own.

Used by the shipped tests, and by whoever writes an issue file: a new issue may not steal another's case.
"""

from __future__ import annotations

from keepwell.core import ref
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.core.issue import Case, Issue
from keepwell.core.observation import Seen
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.diagnosis import Text, diagnose

_ENGINE = ref.engine("here", "engine")


def run_case(issue: Issue, case: Case, catalogue: Catalogue) -> str:
    """Why the issue is not ranked first in its case: both issues with their evidence; "" when it is."""
    found = diagnose_case(case, catalogue)
    first = found.hypotheses[:1]
    if first and first[0].issue == issue.id:
        return ""
    own = [one for one in (*found.hypotheses, *found.ruled_out) if one.issue == issue.id]
    lines = [f"{issue.id}, case {case.name!r}: expected it first"]
    lines += [f"  first is {_show(one)}" for one in first] or ["  nothing was found at all"]
    lines += [f"  {_show(one)}" for one in own] or [f"  {issue.id}: no evidence fired"]
    return "\n".join(lines)


def diagnose_case(case: Case, catalogue: Catalogue) -> Diagnosis:
    """The diagnosis of a case: its findings are bad ones about one engine, its text is pasted."""
    findings = [
        Finding(check=check, subject=_ENGINE, status=Status.CRITICAL, message=f"{check}: {dict(facts)}", facts=facts)
        for check, facts in case.findings
    ]
    texts = [Text(name="case", chunks=(case.text.encode("utf-8"),))]
    return diagnose(Seen(), findings, texts, catalogue)


def _show(one: Hypothesis) -> str:
    reasons = [f"{part.weight:+.1f} {part.evidence.say} [{part.quote[:100]}]" for part in one.supporting]
    reasons += [f"{part.weight:+.1f} {part.evidence.say} [{part.quote[:100]}]" for part in one.contradicting]
    struck = "".join(f" (ruled out: {why})" for why in (one.ruled_out,) if why)
    return f"{one.issue} {one.confidence:.2f}{struck}: " + "; ".join(reasons)
