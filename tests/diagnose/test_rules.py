"""Rules for issue files beyond their shape: nothing twice, sources named, and what every shipped file has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepwell.core.issue import Issue
from keepwell.diagnose.catalogue import load_catalogue
from keepwell.diagnose.issue_rules import find_gaps, judge_file

CATALOGUE = load_catalogue()

EVIDENCE = """
[[evidence]]
say = "it says so"
match = ["it broke down"]
weight = 4
[[evidence]]
say = "it is something else"
match = ["the other thing"]
weight = -2
"""
HEAD = 'title = "Made"\nfamily = "made"\ndefinition = "Made."\nprior = 0.02\n'
CASES = '\n[[case]]\nname = "one"\ntext = "it broke down"\n[[case]]\nname = "two"\ntext = "it broke down again"\n'


def judge(evidence: str = EVIDENCE, cases: str = CASES) -> list[str]:
    """What is said of a file with this evidence and these cases; no mistake here keeps it out."""
    table, problems = judge_file("made-one", (HEAD + evidence + cases).encode(), "made-one.toml")
    assert table is not None
    return [str(one) for one in problems]


def test_a_file_with_nothing_wrong() -> None:
    assert judge() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("it is something else", "it says so", "say: stands twice: it says so"),
        ('["it broke down"]', '["it broke down", "it broke down"]', "match: stands twice"),
        ("weight = 4", "weight = 9", "expected a weight within 8 for a text, got 9"),
        ("weight = 4", 'weight = 4\norigin = "literature"', "made-one.toml:10: origin: expected a comment"),
    ],
)
def test_each_mistake_in_evidence(old: str, new: str, said: str) -> None:
    assert any(said in one for one in judge(EVIDENCE.replace(old, new))), judge(EVIDENCE.replace(old, new))


def test_a_case_twice() -> None:
    assert any("case: stands twice: one" in said for said in judge(cases=CASES.replace('"two"', '"one"')))


def test_a_source_is_named_above_its_evidence_only() -> None:
    sourced = EVIDENCE.replace("weight = 4", 'weight = 4\norigin = "literature"', 1)
    assert judge(sourced.replace("[[evidence]]", "# source: the manual\n[[evidence]]", 1)) == []
    second = EVIDENCE.replace("weight = -2", 'weight = -2\norigin = "literature"')
    assert judge("\n# source: the manual" + second) != []


@pytest.mark.parametrize("issue", CATALOGUE.issues.values(), ids=list(CATALOGUE.issues))
def test_a_shipped_file_has_all_that_a_reader_needs(issue: Issue) -> None:
    assert list(find_gaps(issue)) == []


def test_gaps_are_named() -> None:
    whole = next(iter(CATALOGUE.issues.values()))
    bare = replace(whole, settle="", prevention="", rivals=(), after=())
    assert list(find_gaps(bare)) == [
        "settle is missing",
        "prevention is missing",
        "rivals is missing",
        "after is missing",
    ]
    halved = replace(whole, fixes=(replace(whole.fixes[0], side_effects="", undo=""),))
    assert [said.split(":")[0] for said in find_gaps(halved)] == [
        "side effects are not said",
        "the way back is not said",
    ]


def test_nothing_is_wrong_with_the_shipped_files() -> None:
    assert [str(one) for one in CATALOGUE.problems] == []
