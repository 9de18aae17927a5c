"""Examples of incidents, with the whole catalogue and as if nobody had read them."""

from __future__ import annotations

from keepwell.learning.examples import FEATURES, Examiner, Example

from .made import make_catalogue, make_incidents

TEXT, LETTERS = FEATURES.index("evidence"), FEATURES.index("letters")


def find_right(example: Example) -> tuple[float, ...]:
    return example.numbers[example.right]


def test_the_right_cause_comes_into_question_with_its_evidence() -> None:
    incidents = make_incidents()
    for example in Examiner(make_catalogue(), incidents).examine(incidents, "whole"):
        assert example.issues[example.right] == example.incident.cause
        assert (find_right(example)[TEXT] > 0) is (example.incident.id.endswith("-0"))


def test_a_sign_that_others_show_too_is_kept() -> None:
    incidents = make_incidents()
    examiner = Examiner(make_catalogue(), incidents)
    assert examiner.examine(incidents, "repository") == examiner.examine(incidents, "whole")


def test_a_sign_that_only_its_own_repository_shows_is_as_if_not_written() -> None:
    incidents = [one for one in make_incidents() if "repo0" in one.thread]
    examiner = Examiner(make_catalogue(), incidents)
    for whole, without in zip(
        examiner.examine(incidents, "whole"), examiner.examine(incidents, "repository"), strict=True
    ):
        if whole.incident.id.endswith("-0"):
            gone = [numbers[TEXT] for numbers in without.numbers]
            assert find_right(whole)[TEXT] > 0
            assert not any(one > 0 for one in gone)
            if without.right >= 0:
                assert find_right(without)[LETTERS] <= find_right(whole)[LETTERS]
