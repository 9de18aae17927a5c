"""Weights move with what was confirmed: in any order, a bounded way, less for older and weaker lessons."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.issue import Evidence
from keepwell.learning.weights import (
    HALF_LIFE_SECONDS,
    IMPORTED_SHARE,
    MOST_DOWN,
    MOST_UP,
    STRENGTHS,
    Counts,
    count_causes,
    count_evidence,
    count_of,
    find_moves,
    key_of,
    learn_catalogue,
    move_prior,
    move_weight,
)
from keepwell.store.lessons import Lesson, Miss
from keepwell.testing.clock import START
from tests.diagnose.made import make_catalogue, make_issue

SPEAKS = Evidence(say="it speaks", weight=2.0, match=("it broke",))
REFUTES = Evidence(say="it refutes", weight=-3.0, check="a.b", status="ok")
OTHER = Evidence(say="it misleads", weight=1.5, match=("it broke too",))
CATALOGUE = make_catalogue(make_issue("right", SPEAKS, REFUTES), make_issue("wrong", OTHER))
LESSON = Lesson(
    id="i1",
    at=START,
    cause="right",
    strength="confirmed",
    hits=(key_of(SPEAKS),),
    misses=(Miss(cause="wrong", confidence=0.6, keys=(key_of(OTHER),)),),
)


def weight_of(lessons: list[Lesson], issue: str, now: float = START) -> float:
    return learn_catalogue(CATALOGUE, lessons, now).issues[issue].evidence[0].weight


def test_what_was_right_weighs_more_and_what_misled_less() -> None:
    assert weight_of([LESSON], "right") > SPEAKS.weight
    assert weight_of([LESSON], "wrong") < OTHER.weight
    learned = learn_catalogue(CATALOGUE, [LESSON], START)
    assert learned.issues["right"].evidence[0].origin == "learned"
    assert learned.issues["right"].evidence[1] is CATALOGUE.issues["right"].evidence[1]
    assert learned.issues["right"].prior > CATALOGUE.issues["right"].prior
    assert learned.issues["wrong"].prior < CATALOGUE.issues["wrong"].prior


def test_a_refuter_that_spoke_against_the_right_cause_weighs_less() -> None:
    lesson = replace(LESSON, hits=(key_of(REFUTES),))
    assert REFUTES.weight < learn_catalogue(CATALOGUE, [lesson], START).issues["right"].evidence[1].weight < 0


def test_a_word_counts_less_an_import_half_and_old_ones_half_each_half_year() -> None:
    assert count_of(LESSON, START) == 1.0
    assert count_of(replace(LESSON, strength="said"), START) == STRENGTHS["said"]
    assert count_of(replace(LESSON, origin="others"), START) == IMPORTED_SHARE
    assert count_of(LESSON, START + HALF_LIFE_SECONDS) == pytest.approx(0.5)
    assert count_of(replace(LESSON, undone_at=START), START) == 0.0
    assert count_of(LESSON, START - 1000) == 1.0


def test_what_was_taken_back_moves_nothing() -> None:
    gone = replace(LESSON, undone_at=START + 1)
    assert learn_catalogue(CATALOGUE, [gone], START + 2) is CATALOGUE
    assert list(find_moves(CATALOGUE, [gone], START + 2)) == []


def test_moves_are_told_with_both_weights() -> None:
    moves = {one.issue: one for one in find_moves(CATALOGUE, [LESSON], START)}
    assert moves["right"].before == SPEAKS.weight < moves["right"].after
    assert moves["wrong"].counts == Counts(0.0, 0.6)
    assert count_causes([LESSON, replace(LESSON, id="i2")], START) == {"right": 2.0}


def test_lessons_about_evidence_that_is_no_more_do_no_harm() -> None:
    gone = replace(LESSON, hits=("0" * 12,), misses=(Miss(cause="no-such", confidence=1.0, keys=("1" * 12,)),))
    assert weight_of([gone], "right") == SPEAKS.weight


LESSONS = st.lists(
    st.builds(
        Lesson,
        id=st.uuids().map(str),
        at=st.floats(START - 1e8, START),
        cause=st.sampled_from(("right", "wrong")),
        strength=st.sampled_from(("confirmed", "said")),
        hits=st.just((key_of(SPEAKS), key_of(OTHER))),
        misses=st.lists(
            st.builds(
                Miss,
                cause=st.sampled_from(("right", "wrong")),
                confidence=st.floats(0, 1),
                keys=st.just((key_of(SPEAKS), key_of(OTHER))),
            ),
            max_size=2,
        ).map(tuple),
        origin=st.sampled_from(("own", "others")),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(lessons=LESSONS, seed=st.integers())
def test_the_order_of_confirmations_does_not_matter(lessons: list[Lesson], seed: int) -> None:
    shuffled = random.Random(seed).sample(lessons, len(lessons))
    assert count_evidence(lessons, START) == count_evidence(shuffled, START)
    assert learn_catalogue(CATALOGUE, lessons, START).issues == learn_catalogue(CATALOGUE, shuffled, START).issues


@settings(max_examples=200, deadline=None)
@given(
    weight=st.floats(-8, 8).filter(lambda weight: abs(weight) > 0.01),
    hits=st.floats(0, 1e6),
    misses=st.floats(0, 1e6),
)
def test_a_weight_moves_a_bounded_way_and_keeps_its_sign(weight: float, hits: float, misses: float) -> None:
    moved = move_weight(weight, Counts(hits, misses))
    assert math.copysign(1, moved) == math.copysign(1, weight)
    assert weight - MOST_DOWN - 0.2 <= moved <= weight + MOST_UP + 0.2
    assert move_weight(weight, Counts()) == pytest.approx(weight, abs=0.2)


@settings(max_examples=100, deadline=None)
@given(weight=st.floats(-6, 6), hits=st.floats(0, 100), more=st.floats(0.1, 100), misses=st.floats(0, 100))
def test_more_hits_never_lower_a_weight(weight: float, hits: float, more: float, misses: float) -> None:
    assert move_weight(weight, Counts(hits + more, misses)) >= move_weight(weight, Counts(hits, misses)) - 1e-12


@given(prior=st.floats(0.0001, 0.9999), own=st.floats(0, 1e6), rest=st.floats(0, 1e6))
def test_a_prior_stays_a_share(prior: float, own: float, rest: float) -> None:
    assert 0.0 < move_prior(prior, own, own + rest) < 1.0
