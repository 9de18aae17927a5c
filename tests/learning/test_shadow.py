"""A draft is listed where an incident is like it, takes nothing from what is known, counts once confirmed twice."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.diagnose.catalogue import load_catalogue
from keepwell.learning.likeness import Scales, parse_scales, render_scales
from keepwell.learning.scales import scales_of
from keepwell.learning.shadow import MOST_UNCONFIRMED, find_drafts, like, weigh_drafts
from keepwell.store.lessons import Lesson
from keepwell.testing.clock import START

FIRST = Lesson(
    id="i1",
    at=START,
    cause="riser-cable-loose",
    strength="said",
    title="the card drops off under load",
    text="pcieport 0000:00:01.0: AER: Corrected error received, then the card fell off the riser cable",
    words="the riser cable of the card sat loose\nreseated the riser cable",
    fixed_by="reseated the riser cable",
)
LIKE_IT = "card fell off again: pcieport 0000:00:01.0: AER: Corrected error received (riser cable)"
UNLIKE = "docker: Error response from daemon: pull access denied for x, repository does not exist"


@cache
def scales() -> Scales:
    return scales_of(load_catalogue())


def known(issue: str, confidence: float) -> Hypothesis:
    return Hypothesis(
        issue=issue,
        title=issue,
        family="made",
        subject=None,
        confidence=confidence,
        score=0.0,
        supporting=(),
        contradicting=(),
        undecided=(),
    )


def weigh(text: str, *hypotheses: Hypothesis, lessons: tuple[Lesson, ...] = (FIRST,)) -> Diagnosis:
    unknown = 1.0 - sum(one.confidence for one in hypotheses)
    return weigh_drafts(
        Diagnosis(hypotheses=hypotheses, unknown=unknown), text, find_drafts(lessons, ["disk-full"]), scales()
    )


def test_a_draft_is_listed_where_an_incident_is_like_it_and_only_there() -> None:
    (found,) = weigh(LIKE_IT).hypotheses
    assert found.issue == "riser-cable-loose"
    assert found.draft
    assert found.confidence <= MOST_UNCONFIRMED
    assert found.fix is not None
    assert found.fix.say == FIRST.fixed_by
    assert weigh(UNLIKE).hypotheses == ()
    assert weigh("").hypotheses == ()


def test_confidences_and_the_unknown_still_add_up() -> None:
    found = weigh(LIKE_IT, known("a", 0.4), known("b", 0.2), known("c", 0.1))
    assert sum(one.confidence for one in found.hypotheses) + found.unknown == pytest.approx(1.0)
    assert {one.issue: one.confidence for one in found.hypotheses}["a"] == 0.4


def test_it_takes_no_known_causes_first_place() -> None:
    found = weigh(LIKE_IT, known("a", 0.25), known("b", 0.2))
    assert [one.issue for one in found.hypotheses][:2] == ["a", "riser-cable-loose"]


def test_what_is_sure_leaves_no_room_for_it() -> None:
    found = weigh(LIKE_IT, known("a", 0.98))
    assert [(one.issue, one.confidence) for one in found.hypotheses] == [("a", 0.98)]
    assert found.unknown == pytest.approx(0.02)


def test_what_the_catalogue_knows_is_no_draft() -> None:
    assert find_drafts([replace(FIRST, cause="disk-full")], ["disk-full"]) == ()
    assert find_drafts([replace(FIRST, undone_at=START)], []) == ()


def test_two_confirmations_make_a_cause_and_words_none() -> None:
    confirmed = replace(FIRST, strength="confirmed")
    for lessons, settled in (
        ([FIRST, replace(FIRST, id="i2")], False),
        ([confirmed], False),
        ([confirmed, replace(confirmed, id="i2")], True),
        ([confirmed, replace(confirmed, id="x/2", origin="x")], False),
        ([confirmed, replace(confirmed, id="i2", undone_at=START)], False),
    ):
        (draft,) = find_drafts(lessons, [])
        assert draft.settled is settled, lessons


def test_a_settled_one_is_no_draft_any_more() -> None:
    confirmed = replace(FIRST, strength="confirmed")
    (found,) = weigh(LIKE_IT, lessons=(confirmed, replace(confirmed, id="i2"))).hypotheses
    assert not found.draft


def test_more_incidents_never_make_it_less_like() -> None:
    (one,) = find_drafts([FIRST], [])
    (two,) = find_drafts([FIRST, replace(FIRST, id="i2", text="something else entirely happened here")], [])
    mark = scales().make(LIKE_IT)
    assert like(two, mark, scales()) == pytest.approx(like(one, mark, scales()))


def test_scales_come_back_as_they_were() -> None:
    again = parse_scales(render_scales(scales()))
    assert again.make(LIKE_IT) == scales().make(LIKE_IT)
    with pytest.raises(ValueError, match="missing required field"):
        parse_scales(b"{}")
