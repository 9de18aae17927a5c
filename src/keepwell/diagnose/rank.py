"""Ranks causes: scores to probabilities, with an "unknown" that always competes.

P(cause) = (1 - lapse) exp(score / temperature) / sum over all causes and the unknown, which has the lapses too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from keepwell.diagnose.scale import ALONE_AT_MOST, LOOKED, Scale
from keepwell.diagnose.weigh import LIKENESS, Weighed

#: What is added to the unknown's score where no check found anything bad and nobody gave a text as evidence:
#: most likely nothing is wrong at all, and a line in a log must say it plainly to be believed.
QUIET_BONUS = 2.0


def rank_causes(
    weighed: Sequence[Weighed], *, quiet: bool = False, scale: Scale = LOOKED
) -> tuple[list[tuple[Weighed, float]], float]:
    """The causes that stand, best first, each with its probability, and that of the unknown; together 1.

    `quiet`: nothing but log lines speaks for any of them. `scale` is the one by which they were weighed.
    """
    standing = [one for one in weighed if not one.ruled_out]
    unknown = (scale.unknown + quiet * QUIET_BONUS) / scale.temperature
    top = max([unknown, *(one.score / scale.temperature for one in standing)])
    shares = [math.exp(one.score / scale.temperature - top) for one in standing]
    rest = math.exp(unknown - top)
    total = rest + sum(shares)
    sound = 1 - scale.lapse
    ranked = sorted(zip(standing, shares, strict=True), key=_order)
    found = [(one, sound * share / total) for one, share in ranked]
    return _told(found, sound * rest / total + scale.lapse, scale)


def _told(
    ranked: list[tuple[Weighed, float]], unknown: float, scale: Scale
) -> tuple[list[tuple[Weighed, float]], float]:
    """The ranking with the first confidence as it is told; what it loses is the unknown's."""
    if not ranked:
        return ranked, unknown
    first, share = ranked[0]
    told = scale.tell(share)
    if all(fired.group == LIKENESS for fired in first.supporting):
        told = min(told, ALONE_AT_MOST)
    return [(first, told), *ranked[1:]], unknown + share - told


def _order(pair: tuple[Weighed, float]) -> tuple[float, str]:
    return -pair[1], pair[0].issue.id
