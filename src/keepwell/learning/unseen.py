"""As if never seen: a catalogue without the signs that only one group of incidents bears out.

Whoever writes a signature has read some incidents, so that the catalogue looks better on those than it is. To tell
what it is worth on new ones, each incident is judged without the signs that no other incident shows: leave support
out. It errs on the dark side, since some of these signs would have been written anyhow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from keepwell.core.issue import Case, Evidence, Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.clues import Clues
from keepwell.learning.labelled import Labelled

#: A sign: a pattern that hits a text, or the place of evidence by a check ("issue 3").
Signs = frozenset[str]
#: What an incident shares its signs with: its thread, its repository.
Group = Callable[[Labelled], str]


@dataclass(frozen=True, slots=True)
class Support:
    """In which groups of incidents each sign was seen."""

    groups: Mapping[str, frozenset[str]]

    def only_in(self, signs: Signs, group: str) -> Signs:
        """Those of the signs that no other group shows."""
        return frozenset(one for one in signs if self.groups.get(one, frozenset()) <= {group})


def find_support(shown: Iterable[tuple[str, Signs]]) -> Support:
    """The support of all signs, from each incident's group and signs."""
    groups: dict[str, set[str]] = {}
    for group, signs in shown:
        for one in signs:
            groups.setdefault(one, set()).add(group)
    return Support({sign: frozenset(found) for sign, found in groups.items()})


def find_signs(clues: Clues, issues: Iterable[Issue]) -> Signs:
    """The signs that these clues show."""
    patterns = {pattern for text in clues.texts for pattern in text.hits}
    checks = {
        _sign_of(issue, number)
        for issue in issues
        for number, one in enumerate(issue.evidence)
        if one.check and clues.find_all(one)
    }
    return frozenset(patterns | checks)


def without_signs(issue: Issue, gone: Signs, cases: tuple[Case, ...]) -> Issue:
    """The issue as it would be had nobody thought of these signs; `cases` are those that do not show them."""
    kept = [_without(one, gone) for number, one in enumerate(issue.evidence) if _sign_of(issue, number) not in gone]
    return replace(issue, evidence=tuple(one for one in kept if one.check or one.match), cases=cases)


def clues_without(clues: Clues, gone: Signs) -> Clues:
    """The clues without the hits of these patterns."""
    texts = (
        replace(text, hits={pattern: hit for pattern, hit in text.hits.items() if pattern not in gone})
        for text in clues.texts
    )
    return replace(clues, texts=tuple(texts))


def find_bearers(catalogue: Catalogue, cases: Mapping[str, Mapping[str, Signs]]) -> dict[str, frozenset[str]]:
    """Which issues each sign would change: by their evidence or by their cases (signs by issue and case name)."""
    bearers: dict[str, set[str]] = {}
    for issue in catalogue.issues.values():
        own = {pattern for one in issue.evidence for pattern in (*one.match, *one.together)}
        own |= {_sign_of(issue, number) for number, one in enumerate(issue.evidence) if one.check}
        own |= {sign for signs in cases.get(issue.id, {}).values() for sign in signs}
        for sign in own:
            bearers.setdefault(sign, set()).add(issue.id)
    return {sign: frozenset(found) for sign, found in bearers.items()}


def _without(one: Evidence, gone: Signs) -> Evidence:
    if one.check or not gone.intersection((*one.match, *one.together)):
        return one
    if gone.intersection(one.together):
        return replace(one, match=())
    return replace(one, match=tuple(pattern for pattern in one.match if pattern not in gone))


def _sign_of(issue: Issue, number: int) -> str:
    return f"{issue.id} {number}"
