"""The contract of issue files: each issue is ranked first in its own cases, and every file is sound."""

from __future__ import annotations

import pytest

from keepwell.core.issue import Case, Issue
from keepwell.diagnose.cases import run_case
from keepwell.diagnose.catalogue import load_catalogue

CATALOGUE = load_catalogue()
CASES = [(issue, case) for issue in CATALOGUE.issues.values() for case in issue.cases]


def test_the_catalogue_is_sound() -> None:
    assert CATALOGUE.get_sound().issues


@pytest.mark.parametrize(("issue", "case"), CASES, ids=[f"{issue.id}/{case.name}" for issue, case in CASES])
def test_an_issue_is_first_in_its_own_case(issue: Issue, case: Case) -> None:
    assert run_case(issue, case, CATALOGUE) == ""
