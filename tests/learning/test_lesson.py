"""What a closed incident teaches: hits of the right cause, misses of those that misled, a draft of a new one."""

from __future__ import annotations

from dataclasses import replace

from keepwell.app.lessons.closing import judge_relook, judge_symptoms, symptoms_of
from keepwell.core import ref
from keepwell.core.finding import Finding, Status
from keepwell.learning.lesson import lesson_of
from keepwell.learning.similar import find_similar
from keepwell.store.incidents import Closing, Incident, Note, Relook, Suspect, Symptom
from keepwell.testing.clock import START

ENGINE = ref.engine("box", "alpha")
BAD = Symptom(check="store.readable", subject=str(ENGINE), message="cannot be read")
SIDE = Symptom(check="disk.space", subject="node:box", message="rather full")
INCIDENT = Incident(
    id="i20260101-0a0b0c",
    what="models do not load",
    opened_at=START,
    source="look",
    symptoms=(BAD, SIDE),
    suspects=(
        Suspect(issue="right", confidence=0.6, spoke_for=("a",), spoke_against=("b",), checks=("store.readable",)),
        Suspect(issue="wrong", confidence=0.3, spoke_for=("c",)),
        Suspect(issue="faint", confidence=0.001, spoke_for=("d",)),
        Suspect(issue="beside", confidence=0.9, place="also", spoke_for=("e",)),
    ),
    gist="permission denied: models",
    notes=(Note(at=START, text="looked at the mount", checked=True), Note(at=START, text="asked a friend")),
    closing=Closing(at=START, cause="right", fixed_by="chown", label="said", soak_seconds=900.0),
)


def finding(check: str, status: Status, subject: ref.Ref = ENGINE) -> Finding:
    return Finding(check=check, subject=subject, status=status, message="said")


def test_a_known_cause() -> None:
    lesson = lesson_of(INCIDENT, {"right"})
    assert lesson is not None
    assert lesson.hits == ("a", "b")
    assert [(one.cause, one.confidence, one.keys) for one in lesson.misses] == [("wrong", 0.3, ("c",))]
    assert lesson.text == ""


def test_a_new_cause_carries_what_a_draft_is_made_of() -> None:
    lesson = lesson_of(INCIDENT, {"other"})
    assert lesson is not None
    assert lesson.hits == ()
    assert lesson.text == INCIDENT.gist
    assert "looked at the mount" in lesson.words
    assert lesson.checks == ("store.readable", "disk.space")


def test_only_the_soak_makes_it_confirmed() -> None:
    labels = {}
    for label in ("said", "well", "confirmed", "came-back"):
        closing = replace(INCIDENT.closing or Closing(at=0, cause="", fixed_by=""), label=label)
        lesson = lesson_of(replace(INCIDENT, closing=closing), {"right"})
        labels[label] = getattr(lesson, "strength", None)
    assert labels == {"said": "said", "well": "said", "confirmed": "confirmed", "came-back": None}
    assert lesson_of(replace(INCIDENT, closing=None), {"right"}) is None


def test_a_word_against_what_the_check_says_teaches_nothing() -> None:
    bad = Relook(at=START, well=False, said="still bad")
    closing = Closing(at=START, cause="right", fixed_by="x", relooks=(bad,))
    assert lesson_of(replace(INCIDENT, closing=closing), {"right"}) is None


def test_symptoms_are_those_that_spoke_for_the_cause_else_all() -> None:
    assert symptoms_of(INCIDENT, "right") == (BAD,)
    assert symptoms_of(INCIDENT, "new-one") == (BAD, SIDE)


def test_a_symptom_is_well_only_when_its_own_check_says_so() -> None:
    assert judge_symptoms([BAD], [finding("store.readable", Status.OK)], START).well
    for findings in (
        [],
        [finding("store.readable", Status.WARNING)],
        [finding("store.readable", Status.UNKNOWN)],
        [finding("store.readable", Status.OK, ref.engine("box", "beta"))],
        [finding("disk.space", Status.OK)],
    ):
        assert not judge_symptoms([BAD], findings, START).well


def test_well_now_and_well_after_the_soak_is_confirmed() -> None:
    def looked(at: float, *, well: bool = True) -> Relook:
        return Relook(at=START + at, well=well, said="")

    def label(incident: Incident) -> str:
        assert incident.closing is not None
        return incident.closing.label

    first = judge_relook(INCIDENT, looked(0))
    assert label(first) == "well"
    assert label(judge_relook(first, looked(899))) == "well"
    assert label(judge_relook(first, looked(900))) == "confirmed"
    back = judge_relook(first, looked(900, well=False))
    assert label(back) == "came-back"
    again = judge_relook(back, looked(1000))
    assert label(again) == "well"
    assert label(judge_relook(again, looked(1899))) == "well"
    assert label(judge_relook(again, looked(1900))) == "confirmed"
    assert label(judge_relook(judge_relook(first, looked(900)), looked(5000))) == "confirmed"


def test_similar_incidents_tell_what_was_checked_then_and_not_now() -> None:
    (found,) = find_similar([INCIDENT], "permission denied while models load", frozenset({"disk.space"}))
    assert (found.cause, found.fixed_by) == ("right", "chown")
    assert found.checked == ("store.readable", "looked at the mount")
    (made,) = find_similar([INCIDENT], "permission denied while models load", frozenset({"store.readable"}))
    assert made.checked == ("looked at the mount",)
    assert find_similar([INCIDENT], "quantum flux", frozenset()) == ()
    came_back = replace(INCIDENT, closing=Closing(at=START, cause="right", fixed_by="x", label="came-back"))
    assert find_similar([came_back], "permission denied while models load", frozenset()) == ()
