"""What one closed incident teaches."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from keepwell.store.incidents import Incident, Label
from keepwell.store.lessons import Lesson, Miss, Strength

#: A wrong cause that was believed less than this misled nobody.
LEAST_BELIEVED = 0.02
#: How good a lesson is by how good its incident's label is: a fix that has not held for the soak is a word so far.
STRENGTHS: Mapping[Label, Strength] = {"said": "said", "well": "said", "confirmed": "confirmed"}


def lesson_of(incident: Incident, known: Container[str]) -> Lesson | None:
    """The lesson of a closed incident; None while it is open, and when its symptoms came back or were never well.

    For a cause that is not `known` it carries the gist and the person's words: what a draft is made of.
    """
    closing = incident.closing
    if closing is None or closing.label not in STRENGTHS or any(not one.well for one in closing.relooks[-1:]):
        return None
    right = [one for one in incident.suspects if one.issue == closing.cause]
    keys = [key for one in right for key in (*one.spoke_for, *one.spoke_against)]
    lesson = Lesson(
        id=incident.id,
        at=closing.at,
        cause=closing.cause,
        strength=STRENGTHS[closing.label],
        hits=tuple(dict.fromkeys(keys)),
        misses=tuple(_misses(incident, closing.cause)),
        fixed_by=closing.fixed_by,
    )
    if closing.cause in known:
        return lesson
    told = (incident.what, closing.fixed_by, *(one.text for one in incident.notes))
    return Lesson(
        id=lesson.id,
        at=lesson.at,
        cause=lesson.cause,
        strength=lesson.strength,
        misses=lesson.misses,
        fixed_by=lesson.fixed_by,
        title=incident.what,
        text=incident.gist,
        words="\n".join(one for one in told if one),
        checks=tuple(dict.fromkeys(one.check for one in incident.symptoms)),
    )


def _misses(incident: Incident, cause: str) -> Iterator[Miss]:
    """What had spoken for causes that competed with the right one. Further faults beside it misled nobody."""
    for one in incident.suspects:
        if one.issue != cause and one.place == "ranked" and one.confidence >= LEAST_BELIEVED and one.spoke_for:
            yield Miss(cause=one.issue, confidence=one.confidence, keys=one.spoke_for)
