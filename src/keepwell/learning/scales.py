"""The scales of a catalogue: how rare each token is among its texts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from keepwell.core.issue import Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.learning.likeness import Scales, make_scales


def scales_of(catalogue: Catalogue) -> Scales:
    """Scales made of all issues' texts. Costs about half a second for a hundred."""
    issues = list(catalogue.issues.values())
    sentences = [sentence for one in issues for sentence in find_sentences(one)]
    return make_scales([text_of_issue(one) for one in issues], sentences, _ordinary())


def text_of_issue(issue: Issue) -> str:
    """Everything that an issue file says in words, signatures among them."""
    parts = [issue.id, issue.title, issue.definition, issue.settle, issue.prevention]
    parts += [one.say for one in issue.evidence]
    parts += [pattern for one in issue.evidence for pattern in one.match]
    parts += [one.say for one in issue.fixes]
    parts += [one.text for one in issue.cases]
    return " ".join(parts)


def find_sentences(issue: Issue) -> Iterator[str]:
    """What an issue file says, a thought at a time: plain words beside the lines of logs that mean them."""
    yield f"{issue.id} {issue.title} {issue.definition}"
    yield f"{issue.settle} {issue.prevention} {issue.title}"
    for one in issue.evidence:
        yield " ".join((one.say, one.check, *one.match))
    for fix in issue.fixes:
        yield f"{issue.title} {fix.say}"
    for case in issue.cases:
        yield f"{case.name} {issue.title} {case.text}"


@cache
def _ordinary() -> str:
    """What healthy engines write."""
    return (files("keepwell.scan") / "ordinary.log").read_text("utf-8")
