"""Figures of a set of answers: how often right, how true the confidences, with the intervals that chance allows."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Bins of the reliability diagram.
BINS = 10
#: From this confidence on an answer is a confident one.
SURE = 0.8
#: Draws of a perfectly calibrated engine, and the share of them that the interval holds.
DRAWS, WITHIN = 1000, 0.95
#: Half the width of a 95 % interval of a normal variable.
Z95 = 1.959964
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer, judged. `confidence` is None where there was none."""

    id: str
    cause: str
    first: str
    confidence: float | None
    right: bool
    in_three: bool
    family_right: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many, and the 95 % interval of Wilson for the share."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share itself; 0 of none."""
        return self.hits / max(1, self.of)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers with a confidence from `low` to `high`: how many, how sure on average, how many right."""

    low: float
    high: float
    count: int
    confidence: float
    right: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one way of judging. `brier_constant` is what one constant confidence would get; `ece_perfect`
    what 95 % of perfectly calibrated engines with these confidences would show."""

    incidents: int
    top1: Rate
    top3: Rate
    family: Rate
    answered: Rate
    right_of_answered: Rate
    sure: Rate
    sure_and_wrong: Rate
    brier: float
    brier_constant: float
    ece: float
    ece_perfect: tuple[float, float]
    bins: tuple[Bin, ...]


def measure(answers: Sequence[Answered]) -> Figures:
    """The figures of these answers; of the same answers always the same."""
    pairs = [(one.confidence, one.right) for one in answers if one.confidence is not None]
    size = len(answers)
    right = sum(good for _, good in pairs) / max(1, len(pairs))
    return Figures(
        incidents=size,
        top1=wilson(sum(one.right for one in answers), size),
        top3=wilson(sum(one.in_three for one in answers), size),
        family=wilson(sum(one.family_right for one in answers), size),
        answered=wilson(len(pairs), size),
        right_of_answered=wilson(sum(good for _, good in pairs), len(pairs)),
        sure=wilson(sum(sure >= SURE for sure, _ in pairs), size),
        sure_and_wrong=wilson(sum(sure >= SURE and not good for sure, good in pairs), size),
        brier=math.fsum((sure - good) ** 2 for sure, good in pairs) / max(1, len(pairs)),
        brier_constant=right * (1 - right),
        ece=_ece(pairs),
        ece_perfect=_perfect([sure for sure, _ in pairs]),
        bins=make_bins(pairs),
    )


def wilson(hits: int, of: int) -> Rate:
    """A share with its 95 % interval (Wilson 1927), which holds for few cases too."""
    if not of:
        return Rate(hits, of, 0.0, 1.0)
    share, scale = hits / of, 1 + Z95 * Z95 / of
    middle = (share + Z95 * Z95 / (2 * of)) / scale
    half = Z95 * math.sqrt(share * (1 - share) / of + Z95 * Z95 / (4 * of * of)) / scale
    # the share itself lies within, whatever the rounding of floats does
    return Rate(hits, of, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


def make_bins(pairs: Iterable[tuple[float, bool]]) -> tuple[Bin, ...]:
    """The answers by confidence, in `BINS` bins of equal width; empty ones are left out."""
    held: dict[int, list[tuple[float, bool]]] = {}
    for sure, good in pairs:
        held.setdefault(_bin_of(sure), []).append((sure, good))
    return tuple(
        Bin(
            low=place / BINS,
            high=(place + 1) / BINS,
            count=len(found),
            confidence=math.fsum(sure for sure, _ in found) / len(found),
            right=wilson(sum(good for _, good in found), len(found)),
        )
        for place, found in sorted(held.items())
    )


def _ece(pairs: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error: the mean distance between confidence and share of right answers, by bins."""
    gaps = [0.0] * BINS
    for sure, good in pairs:
        gaps[_bin_of(sure)] += sure - good
    return math.fsum(abs(gap) for gap in gaps) / max(1, len(pairs))


def _perfect(confidences: Sequence[float]) -> tuple[float, float]:
    """The interval of the calibration error of an engine whose confidences are true, by drawing."""
    chance = random.Random(_SEED)
    drawn = sorted(_ece([(sure, chance.random() < sure) for sure in confidences]) for _ in range(DRAWS))
    outside = round(DRAWS * (1 - WITHIN) / 2)
    return drawn[outside], drawn[-1 - outside]


def _bin_of(confidence: float) -> int:
    return min(BINS - 1, int(confidence * BINS))
