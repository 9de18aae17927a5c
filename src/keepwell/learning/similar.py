"""Closed incidents that look like the trouble at hand: what they turned out to be, what helped, what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.recall.entry import Entry
from keepwell.recall.index import Index
from keepwell.store.incidents import Incident, Label, get_closing

#: Incidents that are named.
NAMED = 3
#: Least likeness of one that is named (0..1, see `keepwell.recall`): below it texts share little but common words.
LEAST_SCORE = 0.12
#: Things that were checked, listed for one incident.
CHECKED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarIncident:
    """A closed incident like the trouble at hand. `score` is 0..1; `checked` is what was looked at then and what this
    diagnosis did not look at: checks by id that spoke for the cause, and what the notes tell.
    """

    id: str
    what: str
    cause: str
    fixed_by: str
    label: Label
    closed_at: float
    score: float
    checked: tuple[str, ...] = ()


def find_similar(closed: Sequence[Incident], gist: str, made: frozenset[str]) -> tuple[SimilarIncident, ...]:
    """The closed incidents most like this gist, nearest first; those whose fix did not hold are left out.

    `made` are the checks that came out now.
    """
    held = [one for one in closed if one.closing is not None and one.closing.label != "came-back"]
    by_id = {one.id: one for one in held}
    index = Index([Entry(one.id, _cause(one), _text(one)) for one in held])
    near = index.search(gist, NAMED)
    found = [_similar(by_id[one.entry.id], one.score, made) for one in near if one.score >= LEAST_SCORE]
    return tuple(sorted(found, key=_by_score))


def _by_score(one: SimilarIncident) -> tuple[float, str]:
    return -one.score, one.id


def _similar(incident: Incident, score: float, made: frozenset[str]) -> SimilarIncident:
    closing = get_closing(incident)
    checks = [check for one in incident.suspects if one.issue == closing.cause for check in one.checks]
    told = [one.text for one in incident.notes if one.checked]
    checked = [check for check in dict.fromkeys(checks) if check not in made] + told
    return SimilarIncident(
        id=incident.id,
        what=incident.what,
        cause=closing.cause,
        fixed_by=closing.fixed_by,
        label=closing.label,
        closed_at=closing.at,
        score=score,
        checked=tuple(checked[:CHECKED]),
    )


def _cause(incident: Incident) -> str:
    return get_closing(incident).cause


def _text(incident: Incident) -> str:
    return "\n".join((incident.what, incident.gist))
