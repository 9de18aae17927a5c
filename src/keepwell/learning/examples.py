"""Examples to fit on: of each incident the causes that come into question, each as a few numbers, and the right one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Literal, TypeAlias

from keepwell.core.issue import Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.clues import Clues, split_clues
from keepwell.diagnose.diagnosis import Text, find_candidates, gather_clues
from keepwell.diagnose.likeness import get_index, issue_entry
from keepwell.diagnose.scale import Scale, get_told_scale
from keepwell.diagnose.weigh import LIKENESS, Weighed, weigh_all
from keepwell.learning.labelled import Labelled
from keepwell.learning.unseen import (
    Signs,
    Support,
    clues_without,
    find_bearers,
    find_signs,
    find_support,
    without_signs,
)
from keepwell.recall.entry import Near
from keepwell.survey.pasted import look_at_text

#: How an incident is judged: with the whole catalogue, or without the signs that only its thread or repository shows.
Mode: TypeAlias = Literal["whole", "thread", "repository"]
#: What counts for a cause, in the order of an example's numbers: evidence of the catalogue, that any of it speaks for
#: the cause, ln(prior), likeness by words and by letters.
FEATURES = ("evidence", "spoke", "prior", "words", "letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The causes in question for one incident. `right` is the place of the true one, -1 if it is not among them."""

    incident: Labelled
    issues: tuple[str, ...]
    families: tuple[str, ...]
    numbers: tuple[tuple[float, ...], ...]
    right: int


class Examiner:
    """Makes examples of incidents with a catalogue; reading them all costs some 20 ms each, once."""

    def __init__(self, catalogue: Catalogue, incidents: Sequence[Labelled]) -> None:
        self._catalogue = catalogue
        self._incidents = tuple(incidents)
        self._clues = {one.id: read_clues(catalogue, one.evidence) for one in incidents}
        self._signs = {key: find_signs(clues, catalogue.issues.values()) for key, clues in self._clues.items()}
        self._cases = {issue.id: _signs_of_cases(catalogue, issue) for issue in catalogue.issues.values()}
        self._bearers = find_bearers(catalogue, self._cases)

    def examine(self, incidents: Iterable[Labelled], mode: Mode) -> list[Example]:
        """The examples of those incidents that any cause of the catalogue comes into question for, or none."""
        group_of = {"whole": attrgetter("id"), "thread": attrgetter("thread"), "repository": attrgetter("repository")}
        group = group_of[mode]
        support = find_support((group(one), self._signs[one.id]) for one in self._incidents)
        return [self._examine(one, self._gone(one, mode, support, group(one))) for one in incidents]

    def _gone(self, incident: Labelled, mode: Mode, support: Support, group: str) -> Signs:
        if mode == "whole":
            return frozenset()
        return support.only_in(self._signs[incident.id], group)

    def _examine(self, incident: Labelled, gone: Signs) -> Example:
        clues = self._clues[incident.id]
        issues: dict[str, Issue] = {}
        for name in sorted({name for sign in gone for name in self._bearers.get(sign, ())}):
            whole = self._catalogue.issues[name]
            cases = tuple(case for case in whole.cases if not self._cases[name].get(case.name, frozenset()) & gone)
            issues[name] = without_signs(whole, gone, cases)
        catalogue = replace(self._catalogue, issues={**self._catalogue.issues, **issues})
        clues = replace(clues_without(clues, gone), alike=self._alike(incident, clues, issues))
        return make_example(incident, catalogue, clues)

    def _alike(self, incident: Labelled, clues: Clues, changed: Mapping[str, Issue]) -> dict[str, Near]:
        index = get_index(self._catalogue)
        alike = dict(clues.alike)
        for name, issue in changed.items():
            alike[name] = index.compare(incident.evidence, issue_entry(issue, self._catalogue.signatures))
        nearest = sorted(alike.items(), key=_score, reverse=True)
        return dict(nearest)


def read_clues(catalogue: Catalogue, evidence: str) -> Clues:
    """What a pasted text holds, as a diagnosis gathers it."""
    look = look_at_text(evidence)
    text = Text(name="evidence", chunks=(evidence.encode("utf-8", "replace"),))
    clues = gather_clues(catalogue, (text,), look.findings)
    parts = split_clues(clues)
    return max(parts, key=_size)


def make_example(incident: Labelled, catalogue: Catalogue, clues: Clues) -> Example:
    """The example of one incident with these clues."""
    told = get_told_scale()
    plain = replace(told, prior_share=0.0, spoke=0.0)
    clues = replace(clues, scale=plain)
    weighed = [one for one in weigh_all(find_candidates(catalogue, clues), clues) if not one.ruled_out]
    weighed.sort(key=attrgetter("issue.id"))
    names = [one.issue.id for one in weighed]
    return Example(
        incident=incident,
        issues=tuple(names),
        families=tuple(one.issue.family for one in weighed),
        numbers=tuple(_numbers(one, clues.alike.get(one.issue.id), plain) for one in weighed),
        right=next((place for place, name in enumerate(names) if name == incident.cause), -1),
    )


def _numbers(one: Weighed, near: Near | None, scale: Scale) -> tuple[float, ...]:
    fired = [each for each in (*one.supporting, *one.contradicting) if each.group != LIKENESS]
    likeness = (0.0, 0.0)
    if len(fired) < len((*one.supporting, *one.contradicting)):
        likeness = scale.likeness(near)
    evidence = one.score - scale.worth_of(near) * any(likeness)
    return evidence, float(any(each.weight > 0 for each in fired)), math.log(one.issue.prior), *likeness


def _signs_of_cases(catalogue: Catalogue, issue: Issue) -> dict[str, Signs]:
    return {case.name: frozenset(_hits(catalogue, case.text)) for case in issue.cases if case.text}


def _hits(catalogue: Catalogue, text: str) -> Iterator[str]:
    yield from catalogue.get_scanner().scan((text.encode("utf-8", "replace"),)).hits


def _score(pair: tuple[str, Near]) -> float:
    return pair[1].score


def _size(clues: Clues) -> int:
    return len(clues.findings)
