"""Calibration in words: how often answers as sure as this one were right, and when an answer is no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.diagnose.scale import load_fitted

#: Fewest answers of which a share is told: of fewer it would be chance.
ENOUGH_ANSWERS = 20
#: From this share on it is told in twentieths.
NEARLY_ALL = 0.925


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Answers with a confidence from `low` to below `high`: how many there were and how many of them were right."""

    low: float
    high: float
    right: int
    count: int

    @property
    def share(self) -> float:
        """Share of right answers; 0 of none."""
        return self.right / max(1, self.count)

    def joined(self, above: Band) -> Band:
        """This band and the one above it as one."""
        return Band(low=self.low, high=above.high, right=self.right + above.right, count=self.count + above.count)


def calibrate(diagnosis: Diagnosis) -> Diagnosis:
    """A diagnosis of a pasted text with the base of its confidences in words, and whether it is known at all."""
    hypotheses = tuple(replace(one, basis=tell_basis(one.confidence, get_bands())) for one in diagnosis.hypotheses[:1])
    return replace(
        diagnosis,
        hypotheses=(*hypotheses, *diagnosis.hypotheses[1:]),
        not_known=tell_doubt(hypotheses, float(load_fitted()["shown_from"])),
    )


def tell_basis(confidence: float, bands: Sequence[Band]) -> str:
    """ "7 of 10 such answers were right, n = 41"; "" where too few were seen to say."""
    for one in bands:
        if one.low <= confidence < one.high and one.count >= ENOUGH_ANSWERS:
            of = 10 * (1 + (one.share >= NEARLY_ALL))
            return f"{round(of * one.share)} of {of} such answers were right, n = {one.count}"
    return ""


def tell_doubt(hypotheses: Sequence[Hypothesis], shown_from: float) -> str:
    """Why the first cause is no answer yet, or "" if it is one or nothing speaks at all."""
    for one in hypotheses:
        if one.confidence < shown_from:
            return f"The cause is not known: {one.basis or 'such answers are wrong more often than right'}."
    return ""


@lru_cache(maxsize=1)
def get_bands() -> tuple[Band, ...]:
    """The fitted bands, lowest first."""
    return tuple(Band(**one) for one in load_fitted()["bands"])
