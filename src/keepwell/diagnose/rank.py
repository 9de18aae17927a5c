"""Ranks causes: scores to probabilities, with an "unknown" that always competes.

P(cause) = exp(score / TEMPERATURE) / sum over all causes and the unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from keepwell.diagnose.weigh import Weighed

#: Scores are divided by this: authors' weights are a little too sure of themselves.
TEMPERATURE = 1.0
#: The score of "none of the known causes". A cause whose score is below it is likelier not to be it.
UNKNOWN_SCORE = -2.0


def rank_causes(weighed: Sequence[Weighed]) -> tuple[list[tuple[Weighed, float]], float]:
    """The causes that stand, best first, each with its probability, and that of the unknown; together 1."""
    standing = [one for one in weighed if not one.ruled_out]
    unknown = UNKNOWN_SCORE / TEMPERATURE
    top = max([unknown, *(one.score / TEMPERATURE for one in standing)])
    shares = [math.exp(one.score / TEMPERATURE - top) for one in standing]
    rest = math.exp(unknown - top)
    total = rest + sum(shares)
    ranked = sorted(zip(standing, shares, strict=True), key=_order)
    return [(one, share / total) for one, share in ranked], rest / total


def _order(pair: tuple[Weighed, float]) -> tuple[float, str]:
    return -pair[1], pair[0].issue.id
