"""Student's t distribution, in the standard library's terms. Pure."""

from __future__ import annotations

import math

#: Terms of the continued fraction at most, and the change of one that adds nothing any more.
_TERMS, _NEGLIGIBLE = 300, 1e-14
#: Instead of 0 in a denominator.
_TINY = 1e-300
#: Degrees of freedom from which on it is the normal distribution, to seven digits.
_NORMAL = 1e7
#: How near a bound is found, as a share of it: figures of runs have three digits.
_NEAR = 1e-9


def find_chance(t: float, freedom: float) -> float:
    """How likely a t so far from 0, on either side, is by chance alone; `freedom` are the degrees, more than 0."""
    if math.isinf(t):
        return 0.0
    freedom = min(freedom, _NORMAL)
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def find_bound(chance: float, freedom: float) -> float:
    """The t beyond which, on both sides together, chance alone comes this often (0 < chance < 1)."""
    low, high = 0.0, 1.0
    while find_chance(high, freedom) > chance and high < 1e15:
        high *= 2
    while high - low > _NEAR * high:
        middle = (low + high) / 2
        if find_chance(middle, freedom) > chance:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (NIST DLMF 8.17.22)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(front) * _fraction(x, a, b) / a
    return 1.0 - math.exp(front) * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's way to sum it: a ratio of two running denominators, neither ever 0."""
    below, above = 1.0, 1.0 / _whole(1.0 - (a + b) * x / (a + 1))
    total = above
    for m in range(1, _TERMS):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            above = 1.0 / _whole(1.0 + factor * above)
            below = _whole(1.0 + factor / below)
            total *= above * below
        if abs(above * below - 1.0) < _NEGLIGIBLE:
            break
    return total


def _whole(number: float) -> float:
    if abs(number) < _TINY:
        return _TINY
    return number
