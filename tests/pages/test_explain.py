"""The page of a cause, as HTML and as Markdown: for every cause of the catalogue."""

from __future__ import annotations

import pytest

from keepwell.app.report import IssueReport
from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.catalogue import load_catalogue
from keepwell.pages.explain import find_texts, render, render_index, render_markdown
from tests.pages.test_diagnose import Reader

ISSUES = load_catalogue().issues
MADE = Issue(
    id="made-one",
    title="It is `made`",
    family="storage",
    definition="A <b>made</b> cause.",
    prior=0.01,
    evidence=(
        Evidence(say="plain", weight=5.0, match=(r"no space left \(really\)", r"disk .* full", r"\d+ errors here")),
        Evidence(say="a hint", weight=1.0, match=("something else that hints",)),
    ),
)


@pytest.mark.parametrize("name", sorted(ISSUES))
def test_every_cause_has_its_pages(name: str) -> None:
    issue = ISSUES[name]
    page = Reader(render(IssueReport(issue=issue)))
    assert not page.open
    assert issue.title in page.text
    text = render_markdown(issue)
    assert text.startswith("# ")
    assert text.count("```") % 2 == 0
    assert "\n\n\n" not in text


def test_only_plain_strong_signatures_are_error_texts() -> None:
    assert find_texts(MADE) == ["no space left (really)"]


def test_signs_of_the_format_are_text() -> None:
    assert "It is `made`" in render_index([MADE])
    assert "A \\<b\\>made" in render_markdown(MADE)
    assert "<b>" not in render(IssueReport(issue=MADE))


def test_the_index_links_every_cause() -> None:
    index = render_index(ISSUES.values())
    assert all(f"({name}.md)" in index for name in ISSUES)
