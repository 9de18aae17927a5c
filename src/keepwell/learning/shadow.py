"""Drafts of causes that no issue file has, and how they compete while nobody has confirmed them twice.

A draft takes its share from the unknown and from causes that claim weakly: what the catalogue says with some ground
keeps its probability to the last digit, and a draft comes up as far as the known causes leave room. It is listed when
it is like the incident, never to fill a place; before it is confirmed twice it takes no known cause's first place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from keepwell.core.hypothesis import AdvisedFix, Contribution, Diagnosis, Hypothesis
from keepwell.core.issue import Evidence
from keepwell.learning.likeness import Alike, Print, Scales
from keepwell.store.lessons import OWN, Lesson

#: Confirmations that make a cause of a draft; one that was imported counts half.
CONFIRMATIONS = 2.0
#: Log odds that an incident is of a draft's cause for each kind of likeness, to the evidence of an incident that was
#: closed with it and to what the person wrote then. Fitted by logistic regression on pairs of development incidents
#: of two repositories, as many of one cause as of two; cross-validated over causes in benchmarks/oneshot.py.
TO_EVIDENCE = Alike(1.6, 2.7, 6.0)
TO_WORDS = Alike(4.4, 9.6, 10.0)
BASE = -1.8
#: Log odds from which on a draft is listed: four of five incidents of its cause are that like it, and one of six
#: of other causes that nothing knows.
LISTED = -0.4
#: A draft with less probability than this is not worth a line.
LEAST_SHARE = 0.03
#: A known cause below this claims weakly: likeness to a closed incident is as good a ground.
WEAK = 0.3
#: Most probability that a draft may have before it is confirmed twice.
MOST_UNCONFIRMED = 0.5
#: A known cause this likely is not pushed from the first place by a draft that is not confirmed.
LEADS = 0.1
#: Drafts that are compared and texts of each, newest first: together about a third of a second.
DRAFTS, TEXTS = 50, 5
#: Words of a fresh draft's title.
TITLE_CHARS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A cause that only this owner's incidents know: what they looked like, what the person wrote at their close.

    `confirmations` counts as `CONFIRMATIONS` does; `incidents` are where it comes from, newest first.
    """

    cause: str
    title: str
    texts: tuple[str, ...]
    words: str
    fixed_by: str
    confirmations: float
    incidents: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """True once it was confirmed often enough to count as any other cause."""
        return self.confirmations >= CONFIRMATIONS


def find_drafts(lessons: Iterable[Lesson], known: Iterable[str]) -> tuple[Draft, ...]:
    """The drafts that these lessons hold: of every cause that is not known, newest first."""
    shipped = frozenset(known)
    by_cause: dict[str, list[Lesson]] = {}
    for one in sorted(lessons, key=attrgetter("at", "id"), reverse=True):
        if one.counts and one.cause not in shipped and one.text + one.words:
            by_cause.setdefault(one.cause, []).append(one)
    return tuple(_draft(cause, found) for cause, found in by_cause.items())[:DRAFTS]


def weigh_drafts(diagnosis: Diagnosis, gist: str, drafts: Sequence[Draft], scales: Scales) -> Diagnosis:
    """The diagnosis in which drafts compete too; the same one when none is like the incident.

    `gist` is what the incident looks like in words: lines of it, and what its findings say.
    """
    mark = scales.make(gist)
    named = {one.issue for one in (*diagnosis.hypotheses, *diagnosis.also, *diagnosis.ruled_out)}
    odds = {one.cause: like(one, mark, scales) for one in drafts if one.cause not in named}
    found = [one for one in drafts if odds.get(one.cause, -math.inf) >= LISTED]
    pool = diagnosis.unknown + math.fsum(one.confidence for one in diagnosis.hypotheses if one.confidence < WEAK)
    shares = _share_out(found, odds, pool)
    found = [one for one in found if shares[one.cause] >= LEAST_SHARE]
    if not found:
        return diagnosis
    shares = _share_out(found, odds, pool)
    left = max(0.0, 1.0 - math.fsum(shares.values()) / (pool or 1.0))
    known = [_scaled(one, left) for one in diagnosis.hypotheses]
    made = [_hypothesis(one, shares[one.cause], odds[one.cause]) for one in found]
    hypotheses = _known_first(sorted((*known, *made), key=_order))
    return replace(diagnosis, hypotheses=tuple(hypotheses), unknown=diagnosis.unknown * left)


def like(draft: Draft, mark: Print, scales: Scales) -> float:
    """Log odds that an incident of this print is of the draft's cause, by the nearest of its incidents."""
    nearest = max((_odds(TO_EVIDENCE, scales.make(text).like(mark)) for text in draft.texts), default=0.0)
    return BASE + nearest + _odds(TO_WORDS, scales.make(draft.words).like(mark))


def _odds(weights: Alike, alike: Alike) -> float:
    return weights.words * alike.words + weights.runs * alike.runs + weights.minds * alike.minds


def _scaled(one: Hypothesis, left: float) -> Hypothesis:
    """A known cause beside drafts: one that claims weakly gives of its share as the unknown does."""
    if one.confidence >= WEAK:
        return one
    return replace(one, confidence=one.confidence * left)


def _share_out(found: Sequence[Draft], odds: Mapping[str, float], pool: float) -> dict[str, float]:
    """What each draft gets of the probability that nothing known claims with some ground."""
    weights = {one.cause: math.exp(odds[one.cause]) for one in found}
    total = 1.0 + math.fsum(weights.values())
    most = {one.cause: {True: 1.0, False: MOST_UNCONFIRMED}[one.settled] for one in found}
    return {cause: min(most[cause], pool * weight / total) for cause, weight in weights.items()}


def _order(one: Hypothesis) -> tuple[bool, float]:
    return bool(one.decided), -one.confidence


def _known_first(ranked: list[Hypothesis]) -> list[Hypothesis]:
    """The same, but for drafts before a known cause that has some ground: the first such one leads."""
    for at, one in enumerate(ranked):
        if not one.draft:
            if one.confidence >= LEADS and not one.decided:
                return [one, *ranked[:at], *ranked[at + 1 :]]
            break
    return ranked


def _draft(cause: str, lessons: Sequence[Lesson]) -> Draft:
    worth = [{True: 1.0, False: 0.5}[one.origin == OWN] for one in lessons if one.strength == "confirmed"]
    titles = [one.title for one in lessons if one.title]
    name = cause.replace("-", " ")
    return Draft(
        cause=cause,
        title=[*titles, name.capitalize()][0][:TITLE_CHARS],
        texts=tuple(one.text for one in lessons if one.text)[:TEXTS],
        words="\n".join((name, *dict.fromkeys(one.words for one in lessons[:TEXTS]))),
        fixed_by=next((one.fixed_by for one in lessons if one.fixed_by), ""),
        confirmations=math.fsum(worth),
        incidents=tuple(one.id for one in lessons),
    )


def _hypothesis(draft: Draft, confidence: float, odds: float) -> Hypothesis:
    said = f"it is like {len(draft.incidents)} incident(s) that were closed with this cause"
    evidence = Evidence(say=said, weight=odds, origin="learned")
    quote = f"closed as {draft.cause}: {', '.join(draft.incidents[:3])}"
    fix = None
    if draft.fixed_by:
        fix = AdvisedFix(say=draft.fixed_by, supervisor="any", commands=(), side_effects="", undo="")
    return Hypothesis(
        issue=draft.cause,
        title=draft.title,
        family="own",
        subject=None,
        confidence=confidence,
        score=odds,
        supporting=(Contribution(evidence=evidence, weight=odds, quote=quote, source="closed incidents"),),
        contradicting=(),
        undecided=(),
        fix=fix,
        draft=not draft.settled,
    )
