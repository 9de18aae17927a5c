"""From lessons to weights: Beta counts behind each piece of evidence, and the history of this place behind priors.

A weight w (natural-log odds) is read as a Beta belief: in sigmoid(w) of all times that the evidence fires its cause
is the right one, a belief worth `BELIEF` observations. Each confirmed incident adds to one side or the other; what
comes out is turned back into log odds. So one surprise moves a weight a little, and many move it at most as far as
`MOST_UP` and `MOST_DOWN` allow. A sum has no order: confirmations may come in any.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.store.lessons import OWN, Lesson

#: Observations that a weight of the catalogue is worth: its author's judgement against what this place saw.
BELIEF = 20.0
#: Incidents that the catalogue's priors are worth: half a year of a place that has two a week.
PRIOR_BELIEF = 50.0
#: What a lesson counts whose symptom's own check stayed well, and one that rests on a person's word alone.
STRENGTHS: Mapping[str, float] = {"confirmed": 1.0, "said": 0.3}
#: What is left of a lesson that came from another fleet: its machines are not these.
IMPORTED_SHARE = 0.5
#: Seconds in which a lesson loses half of what it counts: engines and drivers change twice a year.
HALF_LIFE_SECONDS = 180 * 86_400.0
#: How far the log odds of evidence may move: down farther than up, since authors are too sure more often.
MOST_UP, MOST_DOWN = 1.0, 2.0
#: A weight keeps its sign, and at least so much of its size.
LEAST_WEIGHT = 0.2
#: A change of a weight smaller than this is none.
SMALLEST_MOVE = 0.005


@dataclass(frozen=True, slots=True)
class Counts:
    """How often evidence fired when its cause was right, and when it was not; lessons count as `count_of` says."""

    hits: float = 0.0
    misses: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How one piece of evidence moved: its issue, what it says, its weight in the catalogue and now, its counts."""

    issue: str
    say: str
    before: float
    after: float
    counts: Counts


def key_of(evidence: Evidence) -> str:
    """A short name of a piece of evidence that stays when its patterns are worked on: of its check, or its words."""
    what = [evidence.say]
    if evidence.check:
        what = [evidence.check, evidence.status, json.dumps(dict(evidence.where), sort_keys=True)]
    return hashlib.sha256("\0".join(what).encode()).hexdigest()[:12]


def count_of(lesson: Lesson, now: float) -> float:
    """How many confirmed incidents of today a lesson is worth: 0..1, 0 for one that was taken back."""
    if not lesson.counts:
        return 0.0
    age = max(0.0, now - lesson.at)
    share = {True: 1.0, False: IMPORTED_SHARE}[lesson.origin == OWN]
    return float(STRENGTHS[lesson.strength] * share * 0.5 ** (age / HALF_LIFE_SECONDS))


def count_evidence(lessons: Iterable[Lesson], now: float) -> dict[tuple[str, str], Counts]:
    """Hits and misses by issue and key of evidence. Evidence of a wrong cause misses as far as that was believed."""
    hits: dict[tuple[str, str], list[float]] = {}
    misses: dict[tuple[str, str], list[float]] = {}
    for lesson in lessons:
        worth = count_of(lesson, now)
        for key in lesson.hits:
            hits.setdefault((lesson.cause, key), []).append(worth)
        for miss in lesson.misses:
            for key in miss.keys:
                misses.setdefault((miss.cause, key), []).append(worth * miss.confidence)
    # fsum: the same sum in whatever order the lessons came
    places = hits.keys() | misses.keys()
    return {one: Counts(math.fsum(hits.get(one, ())), math.fsum(misses.get(one, ()))) for one in places}


def move_weight(weight: float, counts: Counts) -> float:
    """The log odds after these observations; the sign stays, the way is bounded."""
    share = 1.0 / (1.0 + math.exp(-weight))
    learned = math.log((BELIEF * share + counts.hits) / (BELIEF * (1.0 - share) + counts.misses))
    moved = min(weight + MOST_UP, max(weight - MOST_DOWN, learned))
    least = min(LEAST_WEIGHT, abs(weight))
    return math.copysign(max(least, moved * math.copysign(1.0, weight)), weight)


def move_prior(prior: float, own: float, total: float) -> float:
    """The share of incidents after `own` of `total` here had this cause; stays within 0..1."""
    return (PRIOR_BELIEF * prior + own) / (PRIOR_BELIEF + total)


def learn_catalogue(catalogue: Catalogue, lessons: Sequence[Lesson], now: float) -> Catalogue:
    """The catalogue with the weights and priors that these lessons teach; the same one when there are none."""
    counts = count_evidence(lessons, now)
    priors = count_causes(lessons, now)
    total = math.fsum(priors.values())
    if not total:
        return catalogue
    issues: dict[str, Issue] = {}
    for name, issue in catalogue.issues.items():
        evidence = tuple(_moved(name, one, counts) for one in issue.evidence)
        issues[name] = replace(issue, evidence=evidence, prior=move_prior(issue.prior, priors.get(name, 0.0), total))
    made = replace(catalogue, issues=issues, _scanners={})
    if made.faults == catalogue.faults and made.presences == catalogue.presences:
        return replace(catalogue, issues=issues)
    return made


def count_causes(lessons: Iterable[Lesson], now: float) -> dict[str, float]:
    """How many confirmed incidents of today each cause had."""
    found: dict[str, list[float]] = {}
    for one in lessons:
        found.setdefault(one.cause, []).append(count_of(one, now))
    return {cause: math.fsum(worths) for cause, worths in found.items() if any(worths)}


def find_moves(catalogue: Catalogue, lessons: Sequence[Lesson], now: float) -> Iterator[Move]:
    """Every piece of evidence of the (unlearned) catalogue that these lessons move."""
    counts = count_evidence(lessons, now)
    for name, issue in sorted(catalogue.issues.items()):
        for one in issue.evidence:
            found = counts.get((name, key_of(one)))
            moved = _moved(name, one, counts)
            if found is not None and moved is not one:
                yield Move(issue=name, say=one.say, before=one.weight, after=moved.weight, counts=found)


def _moved(issue: str, evidence: Evidence, counts: Mapping[tuple[str, str], Counts]) -> Evidence:
    found = counts.get((issue, key_of(evidence)))
    if found is None or not evidence.weight:
        return evidence
    weight = move_weight(evidence.weight, found)
    if abs(weight - evidence.weight) < SMALLEST_MOVE:
        return evidence
    return replace(evidence, weight=weight, origin="learned")
