"""From labelled incidents to the fitted data of a diagnosis: the scale of pasted texts, bands of confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

from keepwell.diagnose.calibration import Band
from keepwell.diagnose.scale import Scale, get_told_scale
from keepwell.learning.choice import Choice, fit_choice
from keepwell.learning.examples import Example
from keepwell.learning.folds import cross_validate, thread_of
from keepwell.learning.measure import SURE, Answered

#: Fewest answers in a band: of fewer no share is told.
BAND_ANSWERS = 20
#: Edges between which bands are sought; neighbours are joined until each has enough answers and is no less often
#: right than the one below it.
EDGES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, SURE, 0.9, 0.95, 1.01)
#: Of all answers at most this share may be confident and wrong, ...
WRONG_AT_MOST = 0.03
#: ... so that confidence starts at the first of these for which that holds; what is between 0.8 and it is told as less.
SURE_FROM = (0.8, 0.82, 0.84, 0.86, 0.88, 0.9, 0.92, 0.94)
#: From this share of right answers on a cause is named; below it the answer is "not known".
RIGHT_ENOUGH = 0.5


def fit_all(taught: Sequence[Example], well: Sequence[Example], origin: str, date: str) -> dict[str, Any]:
    """The fitted data: coefficients by all examples, confidences by answers that no fit on their own thread gave.

    `well` are texts in which nothing is wrong: they teach when to say so, and count in no share of right answers.
    """
    choice = fit_choice([*taught, *well])
    answers = cross_validate(taught, group=thread_of, also=well)
    sure_from = find_sure_from(answers)
    told = [told_with_care(one, sure_from) for one in answers]
    bands = make_bands(told)
    return {
        "origin": origin,
        "date": date,
        "examples": len(taught),
        "scale": asdict(scale_of(choice, sure_from)),
        "shown_from": find_shown_from(bands),
        "bands": [asdict(one) for one in bands],
    }


def scale_of(choice: Choice, sure_from: float) -> Scale:
    """The scale that weighs as this fit does: all coefficients relative to that of evidence in the text."""
    evidence, spoke, prior, words, letters = choice.coefficients
    evidence = max(evidence, 1e-6)
    return replace(
        get_told_scale(),
        temperature=_short(1 / evidence),
        spoke=_short(spoke / evidence),
        prior_share=_short(prior / evidence),
        words=_short(max(0.0, words) / evidence),
        letters=_short(max(0.0, letters) / evidence),
        unknown=_short(choice.unknown / evidence),
        lapse=_short(choice.lapse),
        sure_from=sure_from,
    )


def find_sure_from(answers: Sequence[Answered]) -> float:
    """From which confidence on answers are told as confident ones."""
    for start in SURE_FROM:
        wrong = sum(not one.right for one in answers if one.confidence is not None and one.confidence >= start)
        if wrong <= WRONG_AT_MOST * len(answers):
            return start
    return SURE_FROM[-1]


def told_with_care(answer: Answered, sure_from: float) -> Answered:
    """The answer with the confidence that is told of it."""
    if answer.confidence is None:
        return answer
    care = replace(get_told_scale(), sure_from=sure_from)
    return replace(answer, confidence=care.tell(answer.confidence))


def make_bands(answers: Sequence[Answered]) -> list[Band]:
    """How often answers of each confidence were right; no band has fewer than `BAND_ANSWERS` where there are more."""
    bands: list[Band] = []
    for low, high in pairwise(EDGES):
        held = [one.right for one in answers if one.confidence is not None and low <= one.confidence < high]
        bands.append(Band(low=low, high=high, right=sum(held), count=len(held)))
        while len(bands) > 1 and (bands[-1].count < BAND_ANSWERS or bands[-1].share < bands[-2].share):
            last = bands.pop()
            bands[-1] = bands[-1].joined(last)
    return bands


def find_shown_from(bands: Sequence[Band]) -> float:
    """The lowest confidence from which on answers are right at least as often as not."""
    good = [one for one in bands if one.share >= RIGHT_ENOUGH]
    return min((one.low for one in good), default=1.0)


def _short(value: float) -> float:
    return round(value, 4)
