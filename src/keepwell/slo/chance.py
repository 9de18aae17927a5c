"""Exact chances of counts: how likely it is that at least so many of so many failed. Pure."""

from __future__ import annotations

import math

#: A term that is this much smaller than the sum adds nothing to it any more.
_NEGLIGIBLE = 1e-17


def tail(trials: int, ratio: float, least: int) -> float:
    """The probability of at least `least` failures in `trials`, each failing by itself with this ratio: exact, from
    the binomial distribution. Costs one logarithm and as many products as terms matter.
    """
    if least <= 0:
        return 1.0
    if least > trials or ratio <= 0.0:
        return 0.0
    if ratio >= 1.0:
        return 1.0
    if least > trials * ratio:
        return min(1.0, _upwards(trials, ratio, least))
    return max(0.0, 1.0 - _downwards(trials, ratio, least - 1))


def _upwards(trials: int, ratio: float, start: int) -> float:
    """The terms from `start` on: each smaller than the one before it, as `start` lies above the mean."""
    term = _term(trials, ratio, start)
    total = term
    odds = ratio / (1.0 - ratio)
    for count in range(start, trials):
        term *= (trials - count) / (count + 1) * odds
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return total


def _downwards(trials: int, ratio: float, start: int) -> float:
    """The terms from `start` down to none: each smaller than the one before it, as `start` lies below the mean."""
    term = _term(trials, ratio, start)
    total = term
    odds = (1.0 - ratio) / ratio
    for count in range(start, 0, -1):
        term *= count / (trials - count + 1) * odds
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return total


def _term(trials: int, ratio: float, count: int) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
    return math.exp(ways + count * math.log(ratio) + (trials - count) * math.log1p(-ratio))
