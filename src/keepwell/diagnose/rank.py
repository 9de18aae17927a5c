"""Ranks causes: scores to probabilities, with an unknown that always competes."""

from __future__ import annotations

import math
from collections.abc import Mapping

#: Scores are divided by this before they become probabilities.
TEMPERATURE = 1.0
#: The score of "none of the known causes": a cause with less than this is likelier not it.
UNKNOWN_SCORE = -2.0


def rank_scores(scores: Mapping[str, float]) -> tuple[dict[str, float], float]:
    """Probability of each cause, best first, and of the unknown; together 1."""
    exponents = {key: score / TEMPERATURE for key, score in scores.items()}
    unknown = UNKNOWN_SCORE / TEMPERATURE
    top = max([unknown, *exponents.values()])
    weights = {key: math.exp(one - top) for key, one in exponents.items()}
    total = math.exp(unknown - top) + sum(weights.values())
    ordered = sorted(weights, key=lambda key: (-weights[key], key))
    return {key: weights[key] / total for key in ordered}, math.exp(unknown - top) / total
