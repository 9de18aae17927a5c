"""Fits what each kind of evidence counts for: a conditional logit with a share of lapses, by Newton's method.

P(cause) = (1 - lapse) exp(c · x) / (exp(unknown) + sum over all causes in question), and where the right cause is not
in question the unknown is right. A lapse is an answer that goes wrong whatever the evidence says: a misleading line, a
wrong label; its share is fitted by expectation and maximisation, so that such incidents do not bend the rest.
McFadden, "Conditional logit analysis of qualitative choice behavior", 1974. Plain Python: a second for 300 incidents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.learning.examples import FEATURES, Example

#: How strongly coefficients are held to `USUAL`, per example: enough to decide what the examples leave open.
HELD = 0.003
#: Where coefficients are held to: the authors' weights a little tempered, likeness worth nothing.
USUAL = (0.8, 0.0, 0.5, 0.0, 0.0, 0.0)
#: Probability in a lapse of a cause that is in question: one of a hundred, as if drawn by chance. Where the right one
#: is not in question, it is 1: a lapse says "none of these".
CHANCE = 0.01
#: Rounds of expectation and maximisation, and of Newton's method in each; both have settled long before.
ROUNDS, STEPS = 8, 25
#: A step that gains less log likelihood than this is the last.
LEAST_GAIN = 1e-6
#: Share of lapses at first.
FIRST_LAPSE = 0.03


@dataclass(frozen=True, slots=True)
class Choice:
    """Fitted coefficients in the order of `FEATURES`, the unknown's constant, the share of lapses."""

    coefficients: tuple[float, ...]
    unknown: float
    lapse: float

    def shares(self, example: Example) -> tuple[list[float], float]:
        """The probability of each cause in question, and that of none of them."""
        scores = [*(_dot(self.coefficients, numbers) for numbers in example.numbers), self.unknown]
        shares = [share * (1 - self.lapse) for share in softmax(scores)]
        return shares[:-1], shares[-1] + self.lapse


def fit_choice(examples: Sequence[Example], used: Sequence[str] = FEATURES) -> Choice:
    """The coefficients that make the right causes likeliest; features that are not `used` count for nothing."""
    free = [place for place, name in enumerate(FEATURES) if name in used] + [len(FEATURES)]
    rows = [_Row.of(one, free) for one in examples]
    start = [USUAL[place] for place in free]
    coefficients, lapse = list(start), FIRST_LAPSE
    for _ in range(ROUNDS):
        rights = [row.right_share(coefficients) for row in rows]
        sound = [_sound(share, row.chance, lapse) for share, row in zip(rights, rows, strict=True)]
        coefficients = _climb(rows, sound, coefficients, start)
        lapse = sum(1 - one for one in sound) / max(1, len(sound))
    whole = [0.0] * (len(FEATURES) + 1)
    for place, value in zip(free, coefficients, strict=True):
        whole[place] = value
    return Choice(tuple(whole[:-1]), whole[-1], lapse)


def _sound(right: float, chance: float, lapse: float) -> float:
    """Probability that an answer which gave the truth this share was no lapse."""
    return (1 - lapse) * right / ((1 - lapse) * right + lapse * chance)


def softmax(scores: Sequence[float]) -> list[float]:
    """Shares that add up to 1, in the proportion of exp(score)."""
    top = max(scores)
    raised = [math.exp(score - top) for score in scores]
    total = math.fsum(raised)
    return [one / total for one in raised]


@dataclass(frozen=True, slots=True)
class _Row:
    """The numbers of an example's causes and of the unknown, the right one's place, its chance in a lapse."""

    numbers: tuple[tuple[float, ...], ...]
    right: int
    chance: float

    @classmethod
    def of(cls, example: Example, free: Sequence[int]) -> _Row:
        whole = [(*numbers, 0.0) for numbers in example.numbers]
        whole.append((*(0.0 for _ in FEATURES), 1.0))
        chance = max(CHANCE, float(example.right < 0))
        numbers = tuple(tuple(numbers[place] for place in free) for numbers in whole)
        return cls(numbers, example.right % len(whole), chance)

    def shares(self, coefficients: Sequence[float]) -> list[float]:
        return softmax([_dot(coefficients, numbers) for numbers in self.numbers])

    def right_share(self, coefficients: Sequence[float]) -> float:
        return self.shares(coefficients)[self.right]


def _climb(rows: Sequence[_Row], sound: Sequence[float], first: Sequence[float], held: Sequence[float]) -> list[float]:
    """Newton's method from `first`, steps halved until they gain."""
    now = list(first)
    height = _height(rows, sound, now, held)
    for _ in range(STEPS):
        step = _step(rows, sound, now, held)
        length = 1.0
        while length > LEAST_GAIN:
            there = [old + length * move for old, move in zip(now, step, strict=True)]
            higher = _height(rows, sound, there, held)
            if higher > height:
                break
            length /= 2
        else:
            return now
        now, gain, height = there, higher - height, higher
        if gain < LEAST_GAIN:
            return now
    return now


def _height(rows: Sequence[_Row], sound: Sequence[float], now: Sequence[float], held: Sequence[float]) -> float:
    likely = (weight * math.log(max(1e-300, row.right_share(now))) for row, weight in zip(rows, sound, strict=True))
    apart = math.fsum((one - other) ** 2 for one, other in zip(now, held, strict=True))
    return math.fsum(likely) - HELD * len(rows) * apart / 2


def _step(rows: Sequence[_Row], sound: Sequence[float], now: Sequence[float], held: Sequence[float]) -> list[float]:
    size = len(now)
    slope = [-HELD * len(rows) * (one - other) for one, other in zip(now, held, strict=True)]
    bend = [[HELD * len(rows) * (i == j) for j in range(size)] for i in range(size)]
    for row, weight in zip(rows, sound, strict=True):
        shares = row.shares(now)
        mean = [math.fsum(s * x[i] for s, x in zip(shares, row.numbers, strict=True)) for i in range(size)]
        for i in range(size):
            slope[i] += weight * (row.numbers[row.right][i] - mean[i])
            for j in range(i + 1):
                both = math.fsum(s * x[i] * x[j] for s, x in zip(shares, row.numbers, strict=True))
                bend[i][j] += weight * (both - mean[i] * mean[j])
    for i in range(size):
        for j in range(i):
            bend[j][i] = bend[i][j]
    return _solve(bend, slope)


def _solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Solves a symmetric positive system by Gauss's elimination."""
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for i in range(size):
        for j in range(i + 1, size):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [below - factor * above for below, above in zip(rows[j], rows[i], strict=True)]
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = math.fsum(rows[i][j] * found[j] for j in range(i + 1, size))
        found[i] = (rows[i][size] - rest) / rows[i][i]
    return found


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
